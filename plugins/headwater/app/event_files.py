"""Files of events: which there are, what they hold, and what identifies their content."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from headwater.contracts.streams import FACT_STREAMS
from headwater.errors import FixSettings

SUFFIXES = ("", ".gz", ".zst")
_PACKED = {".gz", ".zst"}
_READ_BYTES = 1 << 17


def find_files(folder: Path) -> dict[str, Path]:
    """The four files `<stream>_events.jsonl` (also `.gz`, `.zst`) of a folder, by stream.

    Raises `FixSettings` naming what is missing.
    """
    found = {}
    for stream in FACT_STREAMS.values():
        candidates = [folder / f"{stream.file_name}{suffix}" for suffix in SUFFIXES]
        path = next((p for p in candidates if p.is_file()), None)
        if path is None:
            raise FixSettings(
                f"{folder} has no {stream.file_name} (nor .gz, .zst). A folder of events holds "
                f"{', '.join(s.file_name for s in FACT_STREAMS.values())}: set HEADWATER_SAMPLES_DIR to such a folder."
            )
        found[stream.name] = path
    return found


def content_hash(path: Path) -> str:
    """SHA-256 of the file as it is on disk. Raises `FixSettings` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FixSettings(f"{path} cannot be read: {error.strerror}.", path=path) from error


class OpenFile:
    """The unpacked bytes of a file, and how much of the file itself was read for them."""

    def __init__(self, packed: BinaryIO, unpacked: BinaryIO, is_packed: bool) -> None:
        self._packed = packed
        self._is_packed = is_packed
        self.bytes = unpacked

    @property
    def read_bytes(self) -> int:
        """Bytes of the file on disk that were read so far."""
        return self._packed.tell()

    def skip(self, count: int) -> None:
        """Pass over the first `count` unpacked bytes."""
        if not self._is_packed:
            self.bytes.seek(count)
            return
        while count and (got := len(self.bytes.read(min(count, _READ_BYTES)))):
            count -= got


@contextmanager
def opened(path: Path) -> Iterator[OpenFile]:
    """A file of events, unpacked by its suffix. Raises `FixSettings` when it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            raw = cast("BinaryIO", file)
            if path.suffix == ".gz":
                with gzip.open(file) as unpacked:
                    yield OpenFile(raw, cast("BinaryIO", unpacked), True)
            elif path.suffix == ".zst":
                with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as unpacked:
                    yield OpenFile(raw, cast("BinaryIO", io.BufferedReader(unpacked, _READ_BYTES)), True)
            else:
                yield OpenFile(raw, raw, False)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise FixSettings(f"{path} cannot be read: {error}. What came before the fault was sent.", path=path) from error
