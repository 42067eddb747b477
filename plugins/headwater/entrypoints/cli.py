"""The command `headwater`: the local stack, the pipeline's steps by hand, and questions to the warehouse."""

from __future__ import annotations

import logging
import sys

import typer

from headwater.entrypoints.commands import (
    alerts,
    consume,
    dashboards,
    demo,
    erase,
    events,
    load,
    objects,
    pipeline,
    query,
    rebuild,
    replay,
    run,
    stack,
    trace,
    visits,
    windows,
    write_key,
)
from headwater.errors import HeadwaterError

app = typer.Typer(
    name="headwater",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Clickstream analytics on your own machine: Kafka → ClickHouse → facts and aggregates, under Airflow.\n\n"
    "Start with `headwater demo`. It starts the platform, runs the pipeline and says where to look.",
)

MODULES = (
    demo,
    stack,
    run,
    dashboards,
    alerts,
    pipeline,
    rebuild,
    erase,
    load,
    objects,
    consume,
    replay,
    query,
    trace,
    events,
    visits,
    windows,
    write_key,
)
for module in MODULES:
    module.register(app)


def main() -> None:
    """Run the command; errors of ours become one message on stderr and their exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("urllib3", "clickhouse_connect"):  # what they warn of comes as an error of ours
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    try:
        app()
    except HeadwaterError as error:
        typer.secho(f"{type(error).__name__}: {error}", fg="red", err=True)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
