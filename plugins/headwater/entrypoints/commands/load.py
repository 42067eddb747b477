"""`headwater load`: send JSONL files to Kafka."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from headwater.app.load import Loaded, Progress
from headwater.bootstrap import Platform
from headwater.contracts.streams import STREAMS
from headwater.entrypoints.commands.output import progress, show_table
from headwater.errors import FixSettings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Pipeline")(load)


def load(
    files: Annotated[list[Path], typer.Argument(help="JSONL files, also .gz and .zst.", exists=True, dir_okay=False)],
    stream: Annotated[
        str | None, typer.Option("--stream", "-s", help="Stream of the files, where their names do not begin with it.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Send files again though they were loaded before.")] = False,
) -> None:
    """Send JSONL files to Kafka, line by line, as they are.

    The stream is read off the name: `browser_events.jsonl.gz` is of the stream browser. A file that was loaded before
    is skipped; sent again on purpose it adds nothing to the facts. A load that was cut off goes on where it was, when
    it is started again.
    """
    chosen = [(path, _stream_of(path, stream)) for path in files]
    platform = Platform()
    loaded = []
    with _bar() as bar:
        for path, name in chosen:
            task = bar.add_task(path.name, total=path.stat().st_size, lines="", rate="")
            loaded.append(platform.load(name, path, again, _Teller(bar, task)))
            bar.update(task, completed=path.stat().st_size)
    show_table("", ["file", "stream", "outcome", "sent", "rejected"], [_row(each) for each in loaded])


def _row(loaded: Loaded) -> tuple[object, ...]:
    outcome = "loaded before" if loaded.skipped else "loaded"
    if loaded.resumed_at:
        outcome = f"resumed after line {loaded.resumed_at:,}"
    return (loaded.path, loaded.stream, outcome, loaded.sent, loaded.rejected)


def _bar() -> Bar:
    """One line per file with rate and time left, on a terminal only."""
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[lines]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=progress,
        disable=not progress.is_terminal,
    )


class _Teller:
    """Shows how far the load of one file has come; its rate is that of this run."""

    def __init__(self, bar: Bar, task: TaskID) -> None:
        self._bar = bar
        self._task = task
        self._began_s = time.monotonic()
        self._first: int | None = None

    def __call__(self, come: Progress) -> None:
        if self._first is None:
            self._first, self._began_s = come.sent, time.monotonic()
        passed_s = time.monotonic() - self._began_s
        rate = f"{(come.sent - self._first) / passed_s:,.0f}/s" if passed_s > 0 else ""
        self._bar.update(self._task, completed=come.read_bytes, lines=f"{come.sent:,} messages", rate=rate)


def _stream_of(path: Path, stream: str | None) -> str:
    name = stream or next((s for s in STREAMS if path.name.startswith(s)), None)
    if name is None or name not in STREAMS:
        raise FixSettings(f"{path.name} does not say its stream. Add --stream, one of {', '.join(STREAMS)}.")
    return name
