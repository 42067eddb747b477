"""Load objects of a bucket: list those of a range of hours, and send each to its topic once."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO, cast

import zstandard

from headwater.app.event_files import OpenFile
from headwater.app.load import Loaded, Loader, Progress, Source
from headwater.contracts.streams import STREAMS
from headwater.core.object_keys import EventObject, address, day_prefixes, demand_streams, read_key
from headwater.errors import FixSettings, HeadwaterError
from headwater.ports import BrokenObject, ObjectStore

_READ_BYTES = 1 << 17
# Small, as a few bytes may stand for 128 KiB.
_ZSTD_PIECE = 4096
# Events are packed to a tenth, at best to a fiftieth.
_HIGHEST_RATIO = 300
_ALWAYS_ALLOWED_BYTES = 64 * 1024 * 1024
# What reading a damaged archive may raise; zipfile has RuntimeError for one with a password.
_FAULTS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError, RuntimeError,
    struct.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Selection:
    """Objects of the hours that [start, end) touches, of some streams or of all; a mistake in it is told at once.

    Raises `FixSettings`.
    """

    start: datetime
    end: datetime
    prefix: str = ""
    streams: Sequence[str] = ()

    def __post_init__(self) -> None:
        demand_streams(self.streams)
        if self.end <= self.start:
            raise FixSettings(f"The range ends at {self.end:%Y-%m-%d %H:%M}, which is not after its start.")


def list_objects(store: ObjectStore, wanted: Selection) -> list[EventObject]:
    """The objects that `wanted` selects, in the order of their hours."""
    streams = demand_streams(wanted.streams)
    first = wanted.start.replace(minute=0, second=0, microsecond=0)
    found = [
        event_object
        for day in day_prefixes(wanted.prefix, first, wanted.end)
        for stored in store.list(day)
        if (event_object := read_key(stored, wanted.prefix)) is not None
    ]
    kept = [each for each in found if first <= each.hour < wanted.end and each.stream in streams]
    return sorted(kept, key=lambda each: (each.hour, list(STREAMS).index(each.stream), each.stored.key))


def load_object(
    store: ObjectStore,
    loader: Loader,
    event_object: EventObject,
    again: bool = False,
    tell: Callable[[Progress], None] = lambda _progress: None,
) -> Loaded:
    """Send the lines of an object unless this very content was sent before.

    Raises `BrokenObject` when it cannot be read to its end: the lines before the fault were sent, and count once when
    the object is mended.
    """
    stored = event_object.stored
    name = address(store.bucket, stored.key)
    source = Source(name, name, stored.etag, name, lambda: _opened(store, event_object, name))
    return loader.load_source(STREAMS[event_object.stream], source, timedelta(0), again, tell)


@contextmanager
def _opened(store: ObjectStore, event_object: EventObject, name: str) -> Iterator[OpenFile]:
    with ExitStack() as stack:
        with _reading(name):
            file = stack.enter_context(store.open(event_object.stored))
            unpacked = stack.enter_context(_unpacked(file, event_object.suffix, name))
        bounded = _Bounded(unpacked, event_object.stored.size_bytes, name)
        yield OpenFile(file, cast("BinaryIO", bounded), event_object.suffix != "")


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Faults of the object's bytes; what goes wrong with its lines afterwards is none of them."""
    try:
        yield
    except HeadwaterError:
        raise
    except _FAULTS as error:
        raise BrokenObject(f"{name} cannot be read: {error}. What came before the fault was sent.") from error


@contextmanager
def _unpacked(file: BinaryIO, suffix: str, name: str) -> Iterator[BinaryIO]:
    match suffix:
        case ".zip":
            with zipfile.ZipFile(file) as archive:
                members = [each for each in archive.infolist() if not each.is_dir()]
                if len(members) != 1 or not members[0].filename.endswith(".jsonl"):
                    held = ", ".join(each.filename for each in members[:5]) or "nothing"
                    raise BrokenObject(f"{name} must hold one .jsonl file, and holds {held}.")
                with archive.open(members[0]) as member:
                    yield cast("BinaryIO", member)
        case ".gz":
            with gzip.open(file) as unpacked:
                yield cast("BinaryIO", unpacked)
        case ".zst":
            yield cast("BinaryIO", io.BufferedReader(_Zstd(file, name), _READ_BYTES))
        case _:
            yield file


class _Zstd(io.RawIOBase):
    """Unpacks frames and, unlike the library's own reader, tells when the last one is cut short."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        super().__init__()
        self._file = file
        self._name = name
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._within = False
        self._ready = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what comes next."""
        while not self._ready:
            piece = b""
            if self._frame.eof:
                piece = self._frame.unused_data
                self._frame = zstandard.ZstdDecompressor().decompressobj()
                self._within = False
            piece = piece or self._file.read(_ZSTD_PIECE)
            if not piece:
                if self._within:
                    raise BrokenObject(f"{self._name} is cut short. What came before was sent.")
                return 0
            self._within = True
            self._ready = self._frame.decompress(piece)
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count


class _Bounded:
    """Refuses what unpacks to far more than events do."""

    def __init__(self, file: BinaryIO, packed_bytes: int, name: str) -> None:
        self._file = file
        self._left = max(_ALWAYS_ALLOWED_BYTES, packed_bytes * _HIGHEST_RATIO)
        self._name = name

    def read(self, size: int) -> bytes:
        """At most `size` bytes."""
        with _reading(self._name):
            piece = self._file.read(min(size, _READ_BYTES))
        self._left -= len(piece)
        if self._left < 0:
            raise BrokenObject(f"{self._name} unpacks to over {_HIGHEST_RATIO} times its size: no events do.")
        return piece

    def seek(self, offset: int) -> int:
        """Go to a place; plain objects only."""
        with _reading(self._name):
            return self._file.seek(offset)
