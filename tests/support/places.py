"""Folders for the state of parts that tests start."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 4 << 30


def new_folder(prefix: str = "hwt-") -> Path:
    """A new folder with a short path, for Unix sockets have room for about 100 characters.

    In memory where there is room: tests kill processes, not machines, and waiting for a disk proves nothing more.
    """
    has_room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    return Path(tempfile.mkdtemp(prefix=prefix, dir=_MEMORY if has_room else None))


@contextmanager
def folder(prefix: str = "hwt-") -> Iterator[Path]:
    """Such a folder, removed afterwards."""
    made = new_folder(prefix)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
