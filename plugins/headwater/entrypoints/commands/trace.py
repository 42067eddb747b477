"""`headwater trace`: the whole way of one event."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from headwater.app.trace import as_lines, where_it_looked
from headwater.bootstrap import Platform
from headwater.entrypoints.commands.output import AsJson, show_json, show_table
from headwater.errors import FixSettings, Stop


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(rich_help_panel="Questions")(trace)


def trace(
    event_id: Annotated[str | None, typer.Argument(help="The event; with or without dashes.")] = None,
    at: Annotated[
        str | None, typer.Option(help="A place in Kafka instead: topic/partition/offset, such as geo_events/0/17.")
    ] = None,
    personal: Annotated[bool, typer.Option("--personal", help="Show e-mail and IP address too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the way of one event: file and line, Kafka, claim, staging or dead letter and why, build, fact or what it
    waits for, the rows it counts in, and its device and geo parts. Exit code 1 when nothing is known of it.

    Example: `headwater trace 0d7d2a0e-4d1f-4b8e-9a54-0a4f6f2f3c11`
    """
    platform = Platform()
    if (event_id is None) == (at is None):
        raise FixSettings("Name one event, or one place with --at topic/partition/offset.")
    tracer = platform.trace(personal=personal)
    found = tracer.event(_uuid(event_id)) if event_id is not None else tracer.place(*_place(at or ""))
    if as_json:
        show_json({"looked_for": found.looked_for, "steps": [asdict(step) for step in found.steps]})
    elif found.steps:
        show_table("", ["what", "facts"], list(as_lines(found)))
    if not found.steps:
        raise Stop(where_it_looked(found, platform.clock.now()))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise FixSettings(f"{text!r} is no UUID. A place in Kafka is given with --at.") from None


def _place(text: str) -> tuple[str, int, int]:
    try:
        topic, partition, offset = text.split("/")
        return topic, int(partition), int(offset)
    except ValueError:
        raise FixSettings(f"{text!r} is no place in Kafka. Write topic/partition/offset.") from None
