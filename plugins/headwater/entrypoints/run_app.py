"""Run a Typer application as a program."""

from __future__ import annotations

import logging
import sys

import typer

from headwater.errors import HeadwaterError


def run_app(app: typer.Typer) -> None:
    """Run the command; errors of ours become one message on stderr and their exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("urllib3", "clickhouse_connect"):  # what they warn of comes as an error of ours
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    try:
        app()
    except HeadwaterError as error:
        typer.secho(f"{type(error).__name__}: {error}", fg="red", err=True)
        raise SystemExit(error.exit_code) from None
