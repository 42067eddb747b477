"""`headwater backfill` and `headwater s3`: history from a bucket, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from headwater.adapters.s3 import S3Objects
from headwater.app import objects
from headwater.app.taking_out import TakenOut
from headwater.bootstrap import Platform
from headwater.core.object_keys import EventObject
from headwater.entrypoints.commands.output import console, demand_word, progress, show_table
from headwater.errors import FixSettings, RejectEvent
from headwater.ports import BrokenObject

_commands = typer.Typer(no_args_is_help=True, help="The bucket that history is loaded from.")
_DAY = "%Y-%m-%d"
_FORMATS = [_DAY, "%Y-%m-%dT%H", "%Y-%m-%dT%H:%M"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Pipeline")(backfill)
    app.add_typer(_commands, name="s3", rich_help_panel="Pipeline")


def _end_of(text: str) -> datetime:
    """Where the last day or hour ends."""
    for form in _FORMATS:
        with suppress(ValueError):
            at = datetime.strptime(text, form).replace(minute=0, tzinfo=UTC)
            return at + (timedelta(days=1) if form == _DAY else timedelta(hours=1))
    raise typer.BadParameter(f"{text!r} is neither a day like 2026-01-31 nor an hour like 2026-01-31T08.")


def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=_FORMATS, help="First day or hour, UTC.")],
    end: Annotated[
        datetime,
        typer.Option(
            "--to",
            parser=_end_of,
            metavar=f"[{'|'.join(_FORMATS)}]",
            help="Last day (with all its hours) or hour, UTC.",
        ),
    ],
    streams: Annotated[list[str] | None, typer.Option("--streams", help="Only this stream; repeatable.")] = None,
    bucket: Annotated[str | None, typer.Option(help="Bucket; without it that of the settings.")] = None,
    prefix: Annotated[str, typer.Option(help="What stands before year=….")] = "",
    again: Annotated[bool, typer.Option("--again", help="Send objects again though they were sent before.")] = False,
    reload: Annotated[
        bool, typer.Option("--reload", help="First take out what the objects had brought in, then send them anew.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what --reload would take out.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --reload takes something out.")] = False,
) -> None:
    """Send the objects of some days or hours to Kafka, each once.

    The same as the DAG `load_from_s3` does: objects whose content was sent before are skipped, facts count each event
    once. An object that cannot be read is named, and the others are loaded; the exit code is then 1.

    With --reload, facts, visits, staged rows and dead letters of the objects go first, and aggregates follow. Cut off
    anywhere, it is finished by running it again.

    Example: `headwater backfill --from 2026-01-01 --to 2026-01-03 --reload --dry-run`
    """
    if dry_run and not reload:
        raise FixSettings("--dry-run counts what --reload would take out; give both.")
    names = [name for each in streams or () for name in each.split(",") if name]
    wanted = objects.Selection(first.replace(tzinfo=UTC), end, prefix, names)
    platform = Platform()
    store = platform.objects(bucket)
    found = objects.list_objects(store, wanted)
    if reload:
        if dry_run:
            _show_taken_out(platform.reload(store, found, dry_run=True), "rows that would go")
            return
        demand_word("reload", f"What {len(found)} objects had brought in is taken out.", yes=yes)
        with progress.status("Taking out …"):
            taken = platform.reload(store, found)
        _show_taken_out(taken, "rows that went")
    _send(platform, store, found, again)


def _send(platform: Platform, store: S3Objects, found: Sequence[EventObject], again: bool) -> None:
    rows: list[tuple[object, ...]] = []
    broken = 0
    total = sum(each.stored.size_bytes for each in found)
    with _bar() as bar:
        task = bar.add_task("objects", total=total)
        for each in found:
            try:
                loaded = platform.load_object(store, each, again)
            except BrokenObject as error:
                broken += 1
                rows.append((each.stored.key, "broken", 0, 0, str(error)))
            else:
                outcome = "sent before" if loaded.skipped else "sent"
                rows.append((each.stored.key, outcome, loaded.sent, loaded.rejected, ""))
            bar.advance(task, each.stored.size_bytes)
    show_table("", ["object", "outcome", "lines", "rejected", "problem"], rows)
    sent = [row for row in rows if row[1] == "sent"]
    console.print(f"{len(found)} objects: {len(sent)} sent, {broken} broken, the others had been sent before.")
    if broken:
        raise RejectEvent(f"{broken} objects could not be read; the table names them. Mend them and run this again.")


@_commands.command("put-samples")
def put_samples(
    folder: Annotated[
        Path | None, typer.Option(help="Folder of your own four files.", exists=True, file_okay=False)
    ] = None,
    bucket: Annotated[str | None, typer.Option(help="Bucket; without it that of the settings.")] = None,
    prefix: Annotated[str, typer.Option(help="What stands before year=….")] = "",
) -> None:
    """Store the bundled events in the bucket, an object for each stream and hour.

    They are the events that `init_data_pipeline` loads, moved in time as it moves them: loading both counts each once.
    """
    platform = Platform()
    keys = platform.put_samples(platform.objects(bucket), folder, prefix)
    console.print(f"{len(keys)} objects, from {keys[0]} to {keys[-1]}." if keys else "There were no events.")


@_commands.command("list")
def list_objects(
    prefix: Annotated[str, typer.Argument(help="Beginning of the keys.")] = "",
    bucket: Annotated[str | None, typer.Option(help="Bucket; without it that of the settings.")] = None,
) -> None:
    """Show what the bucket holds."""
    rows = [(each.key, each.size_bytes, each.etag) for each in Platform().objects(bucket).list(prefix)]
    show_table("", ["key", "bytes", "etag"], rows)


def _show_taken_out(taken: TakenOut, heading: str) -> None:
    rows = [(place, count) for place, count in taken.rows.items() if count]
    if rows:
        show_table("", ["place", heading], rows)
    else:
        console.print("They had brought in nothing.")


def _bar() -> Bar:
    """How many bytes of the objects are done, and how long the rest may take; on a terminal only."""
    return Bar(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=progress,
        disable=not progress.is_terminal,
    )  # fmt: skip
