"""The command `headwater`: the local stack, the pipeline's steps by hand, and questions to the warehouse."""

from __future__ import annotations

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
    truncate,
    visits,
    windows,
    write_key,
)
from headwater.entrypoints.run_app import run_app

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
    truncate,
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
    """Run the command."""
    run_app(app)


if __name__ == "__main__":
    main()
