"""`headwater dashboards push | pull | check`: the dashboards between these files and Superset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headwater.adapters.superset import Superset
from headwater.app.dashboards import pull, push
from headwater.app.dashboards_check import check
from headwater.assets import asset
from headwater.errors import Stop
from headwater.settings import load_settings

Folder = Annotated[
    Path | None, typer.Option("--assets", help="Folder of the files.", show_default="superset/assets of the project")
]
dashboards = typer.Typer(
    no_args_is_help=True,
    help="Superset's dashboards as files of `superset/assets`.",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(dashboards, name="dashboards", rich_help_panel="Dashboards")


def _folder(chosen: Path | None) -> Path:
    return chosen or asset("superset/assets")


@dashboards.command("push")
def push_command(assets: Folder = None) -> None:
    """Put the dashboards of the files into Superset; may be repeated.

    Charts, filters, metrics and columns that people added there stay; their changes to what the files define are
    undone (`headwater dashboards pull` takes them over first).
    """
    folder = _folder(assets)
    _demand_sound(folder)
    settings = load_settings()
    with Superset.of(settings) as server:
        done = push(folder, server)
    counts = ", ".join(f"{count} {kind}" for kind, count in done.counts.items())
    typer.echo(f"{counts} are in Superset: {settings.superset_url}/dashboard/list/")
    for each in done.kept:
        typer.echo(f"  kept, added by people: {each}")


@dashboards.command("pull")
def pull_command(assets: Folder = None) -> None:
    """Write edits made in Superset into the files: of our dashboards, and of charts that were added to them."""
    with Superset.of(load_settings()) as server:
        done = pull(_folder(assets), server)
    for name in done.changed:
        typer.echo(f"wrote {name}")
    typer.echo(f"{len(done.changed)} files changed")


@dashboards.command("check")
def check_command(assets: Folder = None) -> None:
    """Check every reference, and every column against clickhouse/schema.sql. Needs no running part."""
    typer.echo(f"{_demand_sound(_folder(assets))} assets are sound")


def _demand_sound(folder: Path) -> int:
    found = check(folder, asset("clickhouse/schema.sql").read_text(encoding="utf-8"))
    if found.problems:
        lines = "\n".join(f"  {each}" for each in found.problems)
        raise Stop(f"{len(found.problems)} problems in {folder}:\n{lines}\nNothing was sent to Superset.")
    return found.assets
