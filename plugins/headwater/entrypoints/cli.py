"""The command `headwater`: the local stack, the pipeline's steps by hand, and questions to the warehouse."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

import typer

from headwater.entrypoints.run_app import run_app

# The modules of `commands` in the order of the help, and what each adds.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "demo": ("demo",),
    "stack": ("up", "down", "status", "logs", "env", "clean"),
    "run": ("run",),
    "dashboards": ("dashboards",),
    "alerts": ("alerts",),
    "pipeline": ("migrate", "schema", "topics", "build", "check", "verify"),
    "rebuild": ("rebuild", "correct"),
    "erase": ("erase",),
    "truncate": ("truncate",),
    "load": ("load",),
    "objects": ("backfill", "s3"),
    "consume": ("consume", "lag"),
    "replay": ("replay",),
    "query": ("sql", "summary"),
    "trace": ("trace",),
    "events": ("generate", "simulate", "reference"),
    "visits": ("visits",),
    "windows": ("clicks", "windows"),
    "write_key": ("write-key",),
}


def application(words: Sequence[str]) -> typer.Typer:
    """The application for these arguments: with the module of their command, or with all, as help and mistakes need.

    The modules together take seconds to import, and a command waits for its own only.
    """
    app = typer.Typer(
        name="headwater",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        help="Clickstream analytics on your own machine: Kafka → ClickHouse → facts and aggregates, under Airflow.\n\n"
        "Start with `headwater demo`. It starts the platform, runs the pipeline and says where to look.",
    )
    app.callback()(_also_with_one_command)
    asked = next(iter(words), "")
    chosen = [name for name, commands in COMMANDS.items() if asked in commands] or list(COMMANDS)
    for name in chosen:
        import_module(f"headwater.entrypoints.commands.{name}").register(app)
    return app


def _also_with_one_command() -> None:
    """Typer leaves the name of an only command out, unless there is something beside it."""


def main() -> None:
    """Run the command."""
    run_app(application(sys.argv[1:]))


if __name__ == "__main__":
    main()
