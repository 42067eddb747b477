"""Empty the warehouse by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from headwater.app.truncate import WORD, Part
from headwater.bootstrap import Platform
from headwater.entrypoints.commands.output import AsJson, console, demand_word, progress, show_json, show_table


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(rich_help_panel="Pipeline")(truncate)


def truncate(
    part: Annotated[
        Part,
        typer.Argument(
            help="warehouse: facts, dimensions, aggregates, marts and what belongs to them; the next build brings them "
            "back from staging. all: staging, dead letters and the ledger of loads too; loading again brings it back."
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go, table by table.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for the word.")] = False,
    as_json: AsJson = False,
) -> None:
    """Empty tables and forget the progress that belongs to them, so that a build or a load brings everything back.

    Kafka is read on where it was read up to. What came by HTTP or straight into Kafka is no file that could be loaded
    again: `all` takes it out for good. Killed, it is finished by the next build.

    Example: `headwater truncate warehouse --dry-run`
    """
    platform = Platform()
    if not dry_run:
        demand_word(WORD, f"This empties the tables ({part.value}).", yes=yes)
    with progress.status("Counting …" if dry_run else "Emptying …"):
        taken = platform.truncate(part, dry_run=dry_run)
    rows = {place: count for place, count in taken.rows.items() if count}
    if as_json:
        show_json({"dry_run": dry_run, "rows": rows})
    elif rows:
        show_table("", ["place", "rows that would go" if dry_run else "rows that went"], list(rows.items()))
    else:
        console.print("There was nothing to empty.")
