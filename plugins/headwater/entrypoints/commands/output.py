"""How commands show tables: aligned on a terminal, JSON where asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from headwater.errors import FixSettings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

console = Console(highlight=False)
progress = Console(stderr=True, highlight=False)


def demand_word(word: str, question: str, *, yes: bool) -> None:
    """Go on when `yes`, or when the word is typed. Raises `FixSettings` otherwise."""
    if yes:
        return
    try:
        typed = typer.prompt(f"{question} Type {word} to go on", default="", show_default=False, err=True)
    except typer.Abort:
        typed = ""
    if typed.strip() != word:
        raise FixSettings(f"Nothing was changed. Type {word} when you are asked, or give --yes.")


def show_json(value: object) -> None:
    """Print a value as JSON; times and ids become text."""
    typer.echo(json.dumps(value, default=str, indent=2))


def show_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their heads, numbers to the right."""
    table = Table(title=title or None, title_justify="left", title_style="bold", header_style="bold")
    for index, head in enumerate(heads):
        numeric = bool(rows) and all(isinstance(row[index], int | float | None) for row in rows)
        table.add_column(head, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    console.print(table)


def cell(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
