"""`headwater replay`: send dead letters to their topics again, each once."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from headwater.bootstrap import Platform
from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import STREAMS
from headwater.core.replay import SecondFailure, Selection
from headwater.entrypoints.commands.output import AsJson, console, progress, show_json, show_table
from headwater.errors import FixSettings

_TIMES = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Pipeline")(replay)


def replay(
    stream: Annotated[
        list[str] | None,
        typer.Option("--stream", "-s", help=f"Only this stream; repeatable. Of: {', '.join(STREAMS)}."),
    ] = None,
    reason: Annotated[list[RejectReason] | None, typer.Option("--reason", "-r", help="Repeatable.")] = None,
    field: Annotated[list[str] | None, typer.Option(help="Only with this offending field; repeatable.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=_TIMES, help="Messages that Kafka took at this time (UTC) or later.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=_TIMES, help="Messages before this time (UTC).")] = None,
    message: Annotated[
        list[str] | None, typer.Option("--id", help="One message, as topic/partition/offset; repeatable.")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="A file or object that was loaded, or one line of it as NAME:LINE.")
    ] = None,
    failed_again: Annotated[
        bool, typer.Option("--failed-again", help="Also what was replayed before and broke the contract again.")
    ] = False,
    on_failure: Annotated[
        SecondFailure,
        typer.Option(
            help="When an event breaks the contract again: dead-letter keeps it as a new dead letter; stop stores and "
            "watches what was sent and stops at the first; drop does not send what today's contract refuses."
        ),
    ] = SecondFailure.DEAD_LETTER,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters to their topics again, so that a mended contract judges them anew.

    Every dead letter is sent once, however often this runs, also when it is killed or runs twice at once.

    Example:

      headwater replay --stream browser --reason wrong_type --field click_id --dry-run
    """
    selection = Selection(
        streams=tuple(stream or ()),
        reasons=tuple(each.value for each in reason or ()),
        fields=tuple(field or ()),
        ids=tuple(message or ()),
        origins=tuple(origin or ()),
        **{
            name: moment.replace(tzinfo=UTC)
            for name, moment in (("since", since), ("until", until))
            if moment is not None
        },
        failed_again=failed_again,
    )
    platform = Platform()
    if dry_run:
        _show(platform.count_dead_letters(selection), as_json)
        return
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        _ask(platform.count_dead_letters(selection))
    with progress.status("Replaying …") as status:
        done = platform.replay(selection, on_failure, lambda so_far: status.update(f"{so_far.sent:,} messages"))
    if as_json:
        show_json({"sent": done.sent, "not_sent": done.not_sent, "gone": done.gone, "plans": done.plans})
        return
    show_table(
        "", ["sent again", "not sent", "no longer kept", "plans"], [(done.sent, done.not_sent, done.gone, done.plans)]
    )
    if done.sent:
        console.print("They are judged when the topics are next consumed; `headwater summary` shows the outcome.")
    if done.not_sent:
        console.print("Why some were not sent: `SELECT outcome, detail FROM ops.replays WHERE outcome != 'send'`.")


def _ask(counts: Sequence[Mapping[str, Any]]) -> None:
    waiting = sum(row["waiting"] for row in counts)
    _show(counts, as_json=False)
    if waiting and not typer.confirm(f"Send {waiting:,} dead letters to their topics again?", err=True):
        raise FixSettings("Nothing was sent. Narrow the selection; `headwater replay --help` shows how.")


def _show(counts: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        show_json(counts)
        return
    show_table(
        "", ["stream", "reason", "field", "would be sent", "replayed before", "first", "last"],
        [
            (
                row["stream"], row["reason"], row["field"], row["waiting"], row["replayed"],
                f"{row['first_at']:%Y-%m-%d %H:%M:%S}", f"{row['last_at']:%Y-%m-%d %H:%M:%S}",
            )
            for row in counts
        ],
    )  # fmt: skip
    if not counts:
        console.print("No dead letters match.")
