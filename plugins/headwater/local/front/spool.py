"""Files that carry insert bodies into the engine and results out of it; nobody else may read or guess them."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - a tmpfs; the files get random names in a folder of mode 0700
_MEMORY_FLOOR_BYTES = 2 << 30
_PREFIX = "headwater-"
_RANDOM_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass
class Spooled:
    """One file of the spool, open for writing until `seal`."""

    path: Path
    descriptor: int
    size: int = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append; a full disk is an `OSError` for the caller to translate."""
        view = memoryview(data)
        self.size += len(view)
        while view:
            view = view[os.write(self.descriptor, view) :]

    def seal(self) -> None:
        """Close the descriptor; the file stays until the spool removes it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Spool:
    """A private folder in memory where there is room, else on disk; emptied when the front starts."""

    def __init__(self, folder: Path, memory: Path = _MEMORY) -> None:
        self.disk = _private(folder)
        self.memory = _private(memory / f"{_PREFIX}{_identity(folder)}") if memory.is_dir() else None
        self.sweep()

    def sweep(self) -> None:
        """Remove what an earlier process left."""
        for folder in filter(None, (self.disk, self.memory)):
            for left in folder.iterdir():
                if _RANDOM_NAME.fullmatch(left.name):
                    left.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove all files, and the folder in memory."""
        self.sweep()
        if self.memory is not None:
            with contextlib.suppress(OSError):
                self.memory.rmdir()

    def create(self, expected_bytes: int = 0) -> Spooled:
        """A new file, in memory when the memory has room for it and a reserve."""
        path = self._folder(expected_bytes) / secrets.token_hex(16)
        return Spooled(path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    @contextmanager
    def file(self, expected_bytes: int = 0) -> Iterator[Spooled]:
        """A new file that is gone afterwards."""
        spooled = self.create(expected_bytes)
        try:
            yield spooled
        finally:
            self.remove(spooled)

    def remove(self, spooled: Spooled) -> None:
        """Close and remove; doing it twice does nothing."""
        spooled.seal()
        spooled.path.unlink(missing_ok=True)

    def _folder(self, expected_bytes: int) -> Path:
        if self.memory is None:
            return self.disk
        free = shutil.disk_usage(self.memory).free
        return self.memory if free - 2 * expected_bytes > _MEMORY_FLOOR_BYTES else self.disk


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    folder.chmod(0o700)
    return folder


def _identity(folder: Path) -> str:
    status = folder.stat()
    return f"{status.st_dev:x}-{status.st_ino:x}"
