"""Questions to the warehouse: ad-hoc SQL, and what every stage holds."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.summary import Summary
from headwater.bootstrap import Platform
from headwater.entrypoints.commands.output import AsJson, console, show_json, show_table
from headwater.errors import FixSettings, HeadwaterError
from headwater.settings import load_settings


class User(StrEnum):
    """Whose rights a statement has."""

    READER = "reader"
    WRITER = "writer"
    OWNER = "owner"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(rich_help_panel="Questions")(sql)
    app.command(rich_help_panel="Questions")(summary)


def sql(
    statement: Annotated[
        str | None, typer.Argument(help="One statement; without it, a prompt (or standard input) takes several.")
    ] = None,
    user: Annotated[User, typer.Option(help="Whose rights the statement has; the reader can only read.")] = User.READER,
    as_json: AsJson = False,
) -> None:
    """Run SQL on the warehouse.

    Example: `headwater sql "SELECT event_type, count() FROM analytics.fact_events GROUP BY event_type"`
    """
    database = _database(user)
    if statement is not None:
        _answer(database, statement, as_json)
    elif not sys.stdin.isatty():
        for text in sys.stdin.read().split(";\n"):
            if text.strip():
                _answer(database, text.strip().rstrip(";"), as_json)
    else:
        _prompt(database, as_json)


def _database(user: User) -> ClickHouse:
    settings = load_settings()
    urls = {
        User.READER: settings.clickhouse_reader_url,
        User.WRITER: settings.clickhouse_writer_url,
        User.OWNER: settings.clickhouse_url,
    }
    url = urls[user]
    if url is None:
        raise FixSettings(f"There is no address for the {user.value}. Start the stack with `headwater up`.")
    return ClickHouse(url.get_secret_value())


def _prompt(database: ClickHouse, as_json: bool) -> None:
    console.print("One statement a line, or several lines that end with `;`. Ctrl-D leaves.")
    lines: list[str] = []
    while True:
        try:
            line = input("headwater> " if not lines else "        -> ")
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        lines.append(line)
        text = "\n".join(lines).strip()
        if text and (text.endswith(";") or (len(lines) == 1 and _is_whole(text))):
            lines = []
            try:
                _answer(database, text.rstrip(";"), as_json)
            except HeadwaterError as error:
                typer.secho(str(error), fg="red", err=True)


def _is_whole(text: str) -> bool:
    return " from " in text.lower() or text.lower().startswith(("show", "describe", "desc", "exists"))


def _answer(database: ClickHouse, statement: str, as_json: bool) -> None:
    rows = database.query(statement)
    if as_json:
        show_json([dict(row) for row in rows])
        return
    heads = list(rows[0]) if rows else []
    if heads:
        show_table("", heads, [list(row.values()) for row in rows])
    console.print(f"{len(rows):,} rows" if len(rows) != 1 else "1 row")


def summary(as_json: AsJson = False) -> None:
    """Show rows per stage of each stream, the warehouse's tables and the checks' latest verdict."""
    found = Platform().summary()
    if as_json:
        show_json(found.as_mapping())
        return
    show_summary(found)


def show_summary(found: Summary) -> None:
    """Print a summary as tables."""
    show_table(
        "Rows per stage", ["stream", "in Kafka", "staged", "dead letters", "refused before Kafka", "lost"],
        [(s.stream, s.in_kafka, s.staged, s.dead_letters, s.rejects, s.lost) for s in found.streams],
    )  # fmt: skip
    show_table("Warehouse", ["table", "rows", ""], [(t.table, t.rows, t.note) for t in found.tables])
    if found.dead_letters:
        show_table(
            "Dead letters", ["stream", "reason", "field", "events", "first at"],
            [(r["stream"], r["reason"], r["field"], r["events"], r["first_at"]) for r in found.dead_letters],
        )  # fmt: skip
    passed = sum(1 for row in found.checks if row["passed"])
    verdict = f"{passed} of {len(found.checks)} quality checks passed"
    warned = [row["check_name"] for row in found.checks if not row["passed"]]
    console.print(f"[bold]{verdict}[/]" + (f"; not passed: {', '.join(warned)}" if warned else ""))
