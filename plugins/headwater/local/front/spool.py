"""Files that carry insert bodies into the engine and results out of it; nobody else may read or guess them."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - a tmpfs; the files have random names in a folder of mode 0700
_PREFIX = "headwater-spool-"
_LOCK = "lock"
_RANDOM_NAME = re.compile(r"[0-9a-f]{32}")
_RESERVE_BYTES = 2 << 30


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
        self.disk = folder
        for left in folder.iterdir():
            if _RANDOM_NAME.fullmatch(left.name):
                left.unlink(missing_ok=True)
        self.memory: Path | None = None
        self._lock = -1
        if memory.is_dir() and os.access(memory, os.W_OK):
            _sweep(memory)
            self.memory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=memory))
            self._lock = _locked(self.memory)

    def close(self) -> None:
        """Remove all files, and the folder in memory."""
        if self.memory is not None:
            shutil.rmtree(self.memory, ignore_errors=True)
            os.close(self._lock)
            self.memory = None

    def create(self, expected_bytes: int) -> Spooled:
        """A new file, in memory when the memory has room for it and a reserve."""
        return _new(self.memory if self.memory and _has_room(self.memory, expected_bytes) else self.disk)

    def create_on_disk(self) -> Spooled:
        """A new file whose size nobody knows yet."""
        return _new(self.disk)

    def remove(self, spooled: Spooled) -> None:
        """Close and remove; doing it twice does nothing."""
        spooled.seal()
        spooled.path.unlink(missing_ok=True)


def _new(folder: Path) -> Spooled:
    path = folder / secrets.token_hex(16)
    return Spooled(path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _has_room(memory: Path, expected_bytes: int) -> bool:
    free = min(shutil.disk_usage(memory).free, _available_bytes())
    return free - expected_bytes > _RESERVE_BYTES


def _available_bytes() -> int:
    with Path("/proc/meminfo").open("rb") as lines:
        for line in lines:
            if line.startswith(b"MemAvailable:"):
                return int(line.split()[1]) << 10
    return 0


def _locked(folder: Path) -> int:
    """A lock that ends with this process, so that a later one knows whose folder is left over."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _sweep(memory: Path) -> None:
    """Remove folders of fronts that ended without removing theirs."""
    for folder in memory.glob(f"{_PREFIX}*"):
        try:
            if folder.stat().st_uid != os.getuid() or not (folder / _LOCK).exists():
                continue
            descriptor = _locked(folder)
        except OSError:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
