"""Send the lines of JSONL files to their topics as they are; the engine judges them, not the loader.

A load notes from time to time up to which line Kafka has acknowledged everything. One that was killed goes on there:
the lines after the note may be in Kafka twice, and count once in the facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from headwater.app.decide import decide
from headwater.app.event_files import OpenFile, content_hash, find_files, opened
from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import Stream
from headwater.core.lines import Block, cut_lines, event_time, read_blocks, shift_time
from headwater.ports import Clock, Database, EventLog, EventSink, Ledger, Reject

# A topic takes messages of 2,000,000 bytes, with their key and headers.
MAX_LINE_BYTES = 1_900_000
NOTE_LINES = 200_000
_TELL_LINES = 20_000
_SHIFT_DECISION = "samples_shift_s"
_TIME_FIELD = "event_timestamp"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one file.

    `skipped` when the same content had been loaded before; `resumed_at` is the line up to which an earlier load had
    come, whose counts are included.
    """

    stream: str
    path: str
    sent: int
    rejected: int
    size_bytes: int
    skipped: bool = False
    resumed_at: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load has come; `position` counts unpacked bytes, `read_bytes` those of the file on disk."""

    position: int = 0
    lines: int = 0
    sent: int = 0
    rejects: int = 0
    read_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """Something with lines: `key` and `etag` say what it is and what it holds, `origin` stands in the headers."""

    name: str
    key: str
    etag: str
    origin: str
    open: Callable[[], AbstractContextManager[OpenFile]]


Tell = Callable[[Progress], None]


class Loader:
    """Loads files once: content that was sent in whole is not sent again unless that is asked for."""

    def __init__(self, log: EventLog, ledger: Ledger, database: Database, clock: Clock) -> None:
        self._log = log
        self._ledger = ledger
        self._db = database
        self._clock = clock

    def load(
        self,
        stream: Stream,
        path: Path,
        shift: timedelta = timedelta(0),
        again: bool = False,
        tell: Tell = lambda _progress: None,
    ) -> Loaded:
        """Send every line of `path` (plain, `.gz` or `.zst`) to the topic of `stream`, with its origin in the headers.

        Times are moved by `shift`. Lines too large for Kafka are kept as rejects. Goes on where an earlier load of the
        same content was cut off. Returns when Kafka has acknowledged every message. Raises `FixSettings` when the file
        cannot be read, `Retry` when Kafka is away.
        """
        source = Source(str(path), str(path.resolve()), content_hash(path), path.name, partial(opened, path))
        return self.load_source(stream, source, shift, again, tell)

    def load_source(
        self, stream: Stream, source: Source, shift: timedelta, again: bool = False, tell: Tell = lambda _progress: None
    ) -> Loaded:
        """The same for anything that has lines; errors of its reading are those of `source.open`."""
        since = self._counts_since(source.key)
        book: dict[str, Any] = {
            "key": source.key,
            "etag": source.etag,
            "topic": stream.topic,
            "epoch": self._log.epoch(stream.topic),
            "variant": ", ".join(filter(None, (f"shift {int(shift.total_seconds())} s" if shift else "", since))),
        }
        before = self._db.rows("ops/loaded", **book)
        if before and not again:
            row = before[0]
            counts_before = (int(row["lines"]), int(row["rejects"]), int(row["size_bytes"]))
            return Loaded(stream.name, source.name, *counts_before, skipped=True)
        start = Progress() if before else self._noted(book)

        def note(progress: Progress) -> None:
            counts = {name: getattr(progress, name) for name in ("position", "lines", "sent", "rejects")}
            self._db.run("ops/record_load_progress", **book, **counts, saved_at=self._clock.now())

        sending = _Sending(stream, source, self._ledger, shift, note, tell, since)
        done = sending.run(self._log, start)
        self._db.run(
            "ops/record_loaded",
            **book,
            size_bytes=done.position,
            lines=done.sent,
            rejects=done.rejects,
            loaded_at=self._clock.now(),
        )
        return Loaded(stream.name, source.name, done.sent, done.rejects, done.position, resumed_at=start.lines)

    def samples_shift(self, folder: Path) -> timedelta:
        """How far the bundled samples are moved so that their newest event is recent; decided once per platform."""
        newest = _newest_time(find_files(folder)["browser"])
        now = self._clock.now().replace(tzinfo=None)
        proposal = int((now - newest).total_seconds()) // 60 * 60 if newest else 0
        return timedelta(seconds=int(decide(self._db, self._clock, _SHIFT_DECISION, str(proposal))))

    def _counts_since(self, key: str) -> str:
        """Name of the last reload of the object or truncation of everything: what was sent before does not count."""
        rows = self._db.rows("reload/last_request", object=key)
        return str(rows[0]["variant"]) if rows else ""

    def _noted(self, book: Mapping[str, Any]) -> Progress:
        rows = self._db.rows("ops/load_progress", **book)
        return Progress(**{name: int(value) for name, value in rows[0].items()}) if rows else Progress()


class _Sending:
    """The sending of one file."""

    def __init__(
        self,
        stream: Stream,
        source: Source,
        ledger: Ledger,
        shift: timedelta,
        note: Callable[[Progress], None],
        tell: Tell,
        since: str,
    ) -> None:
        self._since = since
        self._stream = stream
        self._source = source
        self._origin = source.origin
        self._ledger = ledger
        self._shift = shift if any(field.name == _TIME_FIELD for field in stream.fields) else timedelta(0)
        self._note = note
        self._tell = tell

    def run(self, log: EventLog, start: Progress) -> Progress:
        """Send what comes after `start`; returns when all is acknowledged."""
        with self._source.open() as file, log.sink() as sink:
            done = self._send_from(file, sink, start)
            sink.flush()
        return done

    def _send_from(self, file: OpenFile, sink: EventSink, start: Progress) -> Progress:
        file.skip(start.position)
        done = noted = told = start
        for block in read_blocks(file.bytes, MAX_LINE_BYTES, start.lines + 1, start.position):
            rejects = self._reject(block)
            sent = self._send(block, sink)
            done = Progress(block.end, block.next - 1, done.sent + sent, done.rejects + rejects, file.read_bytes)
            if done.lines - told.lines >= _TELL_LINES:
                self._tell(done)
                told = done
            if done.lines - noted.lines >= NOTE_LINES:
                sink.flush()
                self._note(done)
                noted = done
        return replace(done, read_bytes=file.read_bytes)

    def _send(self, block: Block, sink: EventSink) -> int:
        if not block.count:
            return 0
        text = block.text
        if self._shift:
            text = b"\n".join(shift_time(line, _TIME_FIELD, self._shift) for line in block.lines)
        return sink.send_lines(self._stream.topic, self._stream.key_field, text, self._origin, block.first)

    def _reject(self, block: Block) -> int:
        line = block.too_long
        if line is None:
            return 0
        detail = f"{line.size_bytes:,} bytes, the limit is {MAX_LINE_BYTES:,}"
        reject = Reject(line.raw, RejectReason.TOO_LARGE.value, detail, self._origin, line.number, self._since)
        self._ledger.reject(self._stream.name, [reject])
        return 1


def _newest_time(path: Path) -> datetime | None:
    with opened(path) as file:
        times = [event_time(line.raw, _TIME_FIELD) for line in cut_lines(file.bytes, MAX_LINE_BYTES)]
    return max((time for time in times if time is not None), default=None)
