"""Erase a person by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from headwater.app.erase import Erased
from headwater.bootstrap import Platform
from headwater.entrypoints.commands.output import AsJson, console, progress, show_json, show_table


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(rich_help_panel="Pipeline")(erase)


def erase(
    user: Annotated[
        list[str] | None, typer.Option(help="user_domain_id or user_custom_id of the person; repeatable.")
    ] = None,
    email: Annotated[list[str] | None, typer.Option(help="E-mail address of the person; repeatable.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go, table by table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove everything of a person, and keep out what comes of them again.

    Killed, it is finished by the next build. Kafka keeps messages for its retention, backups as long as you keep them.

    Example: `headwater erase --email erika@example.com --dry-run`
    """
    platform = Platform()
    with progress.status("Counting …" if dry_run else "Erasing …"):
        found = platform.erase(user or [], email or [], dry_run=dry_run)
    _show(found, dry_run=dry_run, as_json=as_json)


def _show(found: Erased, *, dry_run: bool, as_json: bool) -> None:
    rows = {place: count for place, count in found.rows.items() if count}
    if as_json:
        show_json({"dry_run": dry_run, "rows": rows})
    elif rows:
        show_table("", ["place", "rows that would go" if dry_run else "rows that went"], list(rows.items()))
    else:
        console.print("Nothing of this person is stored.")
