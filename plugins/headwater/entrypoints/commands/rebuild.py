"""Corrections by hand: rebuild days, take out ids that stand twice, retire days that were kept long enough."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from headwater.app.plan_books import PlanDone
from headwater.app.rebuild import Preview
from headwater.bootstrap import Platform
from headwater.entrypoints.commands.output import AsJson, console, progress, show_json, show_table
from headwater.errors import FixSettings, Stop


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (rebuild, correct):
        app.command(rich_help_panel="Pipeline")(command)


def rebuild(
    from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of event time.")],
    to: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day of event time, included.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make days anew: facts from staging where it still holds them, and everything derived from the facts.

    The days are made in shadow tables, checked, and swapped in. Killed, it is finished by the next build.

    Example: `headwater rebuild --from 2026-05-01 --to 2026-05-03 --dry-run`
    """
    first, last = from_.date(), to.date()
    if first > last:
        raise FixSettings(f"--from {first} lies after --to {last}.")
    platform = Platform()
    if dry_run:
        with progress.status("Comparing …"):
            preview = platform.preview_rebuild(first, last)
        _show_preview(preview, as_json)
        return
    with progress.status("Rebuilding …") as status:
        built = platform.rebuild(first, last, lambda done: status.update(f"plan {done.plan} is done"))
        _update_dimensions(platform)
    _show_plans(built.plans, as_json)


def correct(
    duplicates: Annotated[
        bool, typer.Option("--duplicates", help="Take out later facts of ids that stand on several days.")
    ] = False,
    retire: Annotated[bool, typer.Option("--retire", help="Remove the facts of days kept for 365 days.")] = False,
    as_json: AsJson = False,
) -> None:
    """Correct what is built. Facts that got parts later are corrected by every `headwater build`."""
    if not (duplicates or retire):
        raise FixSettings("Say what to correct: --duplicates, --retire or both.")
    platform = Platform()
    plans: list[PlanDone] = []
    if duplicates:
        plans += platform.remove_duplicates().plans
    if retire:
        plans += platform.retire().plans
    _update_dimensions(platform)
    _show_plans(plans, as_json)


def _update_dimensions(platform: Platform) -> None:
    for name in ("dim_users", "dim_geo"):
        platform.update_dimension(name)


def _show_plans(plans: list[PlanDone], as_json: bool) -> None:
    heads = ["plan", "kind", "corrected", "added", "removed", "retired"]
    rows = [(d.plan, d.kind.value, d.corrected, d.added, d.removed, d.retired) for d in plans]
    if as_json:
        show_json([dict(zip(heads, row, strict=True)) for row in rows])
    elif rows:
        show_table("", heads, rows)
    else:
        console.print("There was nothing to do.")


def _show_preview(preview: Preview, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "days": preview.days, "facts_corrected": preview.corrected, "facts_added": preview.added,
                "tables": [
                    {"table": t.table, "now": t.now, "after": t.after, "days_that_differ": t.days}
                    for t in preview.tables.values()
                ],
                "faults": preview.faults,
            }
        )  # fmt: skip
    else:
        show_table(
            "", ["table", "rows now", "rows after", "days that differ"],
            [(t.table, t.now, t.after, ", ".join(map(str, t.days[:5]))) for t in preview.tables.values()],
        )  # fmt: skip
        console.print(
            f"{len(preview.days):,} days; {preview.corrected:,} facts would change, {preview.added:,} would come back. "
            "Nothing was changed."
        )
    if preview.faults:
        raise Stop(f"The days would not pass the checks: {preview.faults[:5]}. Look at these days first.")
