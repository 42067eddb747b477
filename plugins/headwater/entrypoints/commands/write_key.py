"""`headwater write-key make | list | revoke`: who may send events to the collector."""

from __future__ import annotations

import typer

from headwater.bootstrap_web import key_file
from headwater.entrypoints.commands.output import AsJson, show_json, show_table
from headwater.settings import load_settings

_commands = typer.Typer(no_args_is_help=True, help="Keys by which web pages send events to the HTTP collector.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_commands, name="write-key", rich_help_panel="Collector")


@_commands.command()
def make(site: str = typer.Argument(help="Name of the site, such as shop.example.")) -> None:
    """Make a key for a site and print it: only its hash is kept, so it is never shown again.

    A running collector takes it at once. A site may have several keys; each has a rate limit of its own.
    """
    typer.echo(key_file(load_settings()).make(site))


@_commands.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Show the keys: id, site and when they were made."""
    keys = sorted(key_file(load_settings()).keys().values(), key=lambda key: (key.site, key.made_at))
    if as_json:
        show_json([{"id": key.id, "site": key.site, "made_at": key.made_at} for key in keys])
    else:
        show_table("", ["id", "site", "made at"], [(key.id, key.site, key.made_at.isoformat(" ")) for key in keys])


@_commands.command()
def revoke(key_id: str = typer.Argument(metavar="ID", help="As `headwater write-key list` shows it.")) -> None:
    """Take a key back. A running collector refuses it from then on."""
    found = key_file(load_settings()).revoke(key_id)
    typer.echo(f"Revoked {found.id} of {found.site}.")
