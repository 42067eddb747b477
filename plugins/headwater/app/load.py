"""Send the lines of JSONL files to their topics as they are; the engine judges them, not the loader."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard

from headwater.app.decide import decide
from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import STREAMS, Stream
from headwater.core.lines import cut_lines, event_time, find_key, shift_time
from headwater.errors import FixSettings
from headwater.ports import Clock, Database, EventLog, Ledger, Reject

# A topic takes messages of 2,000,000 bytes, with their key and headers.
MAX_LINE_BYTES = 1_900_000
_TELL_EVERY = 20_000
_SHIFT_DECISION = "samples_shift_s"
_TIME_FIELD = "event_timestamp"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one file; `skipped` when the same content had been loaded before."""

    stream: str
    path: str
    sent: int
    rejected: int
    size_bytes: int
    skipped: bool = False


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
        tell: Callable[[int], None] = lambda _sent: None,
    ) -> Loaded:
        """Send every line of `path` (plain, `.gz` or `.zst`) to the topic of `stream`, with its origin in the headers.

        Times are moved by `shift`. Lines too large for Kafka are kept as rejects. `tell` hears the number of lines
        sent so far. Returns when Kafka has acknowledged every message. Raises `FixSettings` when the file cannot be
        read, `Retry` when Kafka is away.
        """
        book: dict[str, Any] = {
            "key": str(path.resolve()),
            "etag": _sha256(path),
            "topic": stream.topic,
            "epoch": self._log.epoch(stream.topic),
            "variant": f"shift {int(shift.total_seconds())} s" if shift else "",
        }
        before = self._db.rows("ops/loaded", **book)
        if before and not again:
            row = before[0]
            return Loaded(stream.name, str(path), int(row["lines"]), int(row["rejects"]), int(row["size_bytes"]), True)
        loaded = send_file(stream, path, self._log, self._ledger, shift, tell)
        self._db.run(
            "ops/record_loaded",
            **book,
            size_bytes=loaded.size_bytes,
            lines=loaded.sent,
            rejects=loaded.rejected,
            loaded_at=self._clock.now(),
        )
        return loaded

    def samples_shift(self, folder: Path) -> timedelta:
        """How far the bundled samples are moved so that their newest event is recent; decided once per platform."""
        newest = _newest_time(find_files(folder)["browser"])
        now = self._clock.now().replace(tzinfo=None)
        proposal = int((now - newest).total_seconds()) // 60 * 60 if newest else 0
        return timedelta(seconds=int(decide(self._db, self._clock, _SHIFT_DECISION, str(proposal))))


def send_file(
    stream: Stream,
    path: Path,
    log: EventLog,
    ledger: Ledger,
    shift: timedelta = timedelta(0),
    tell: Callable[[int], None] = lambda _sent: None,
) -> Loaded:
    """Send the lines of one file; returns when all are acknowledged."""
    sent = rejected = size = 0
    origin = path.name
    moves = bool(shift) and any(field.name == _TIME_FIELD for field in stream.fields)
    with opened(path) as file, log.sink() as sink:
        for line in cut_lines(file, MAX_LINE_BYTES):
            size += line.size_bytes
            if line.size_bytes > MAX_LINE_BYTES:
                detail = f"{line.size_bytes:,} bytes, the limit is {MAX_LINE_BYTES:,}"
                reject = Reject(line.raw, RejectReason.TOO_LARGE.value, detail, origin, line.number)
                ledger.reject(stream.name, [reject])
                rejected += 1
                continue
            raw = shift_time(line.raw, _TIME_FIELD, shift) if moves else line.raw
            sink.send(stream.topic, find_key(raw, stream.key_field), raw, origin, line.number)
            sent += 1
            if sent % _TELL_EVERY == 0:
                tell(sent)
        sink.flush()
    return Loaded(stream.name, str(path), sent, rejected, size)


def find_files(folder: Path) -> dict[str, Path]:
    """The four files `<stream>_events.jsonl` (also `.gz`, `.zst`) of a folder, by stream.

    Raises `FixSettings` naming what is missing.
    """
    found = {}
    for stream in STREAMS.values():
        candidates = [folder / f"{stream.file_name}{suffix}" for suffix in ("", ".gz", ".zst")]
        path = next((p for p in candidates if p.is_file()), None)
        if path is None:
            raise FixSettings(
                f"{folder} has no {stream.file_name} (nor .gz, .zst). A folder of events holds "
                f"{', '.join(s.file_name for s in STREAMS.values())}: set HEADWATER_SAMPLES_DIR to such a folder."
            )
        found[stream.name] = path
    return found


def _newest_time(path: Path) -> datetime | None:
    with opened(path) as file:
        times = [event_time(line.raw, _TIME_FIELD) for line in cut_lines(file, MAX_LINE_BYTES)]
    return max((time for time in times if time is not None), default=None)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FixSettings(f"{path} cannot be read: {error.strerror}.", path=path) from error


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked by its suffix."""
    try:
        with path.open("rb", buffering=1 << 20) as file:
            if path.suffix == ".gz":
                with gzip.open(file) as unpacked:
                    yield cast("BinaryIO", unpacked)
            elif path.suffix == ".zst":
                with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as unpacked:
                    yield cast("BinaryIO", io.BufferedReader(unpacked, 1 << 20))
            else:
                yield file
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise FixSettings(f"{path} cannot be read: {error}. What came before the fault was sent.", path=path) from error
