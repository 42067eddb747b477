"""Processes of a stack: their memory, and those that a killed supervisor left behind."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from headwater.errors import Stop
from headwater.local.guard import descendants, marked

_SOFT_S = 15.0
_HARD_S = 10.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process tree. Shared pages count fully in `rss_bytes`, and by their share in `pss_bytes`."""

    rss_bytes: int
    pss_bytes: int

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.rss_bytes + other.rss_bytes, self.pss_bytes + other.pss_bytes)


def memory(root: int) -> Memory:
    """Memory of `root` and all its descendants."""
    total = Memory(0, 0)
    for pid in (root, *descendants(root)):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            total += Memory(_kib(text, "Rss"), _kib(text, "Pss"))
    return total


def leftovers(home: Path, postgres_data: Path) -> list[psutil.Process]:
    """Everything that still runs for the stack of `home`, its supervisor included."""
    found = {pid: _process(pid) for pid in marked(str(home))}
    # PostgreSQL overwrites the memory that held its variables, but keeps its data folder as working folder.
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "postgres" and Path(process.cwd()) == postgres_data:
                found[process.pid] = process
    return [process for pid, process in found.items() if process is not None and pid != os.getpid()]


def sweep(home: Path, postgres_data: Path) -> int:
    """End everything that still runs for the stack of `home`; returns how many processes that were.

    Guards first: they end what they started in order. A process is known by pid and creation time together, so a
    pid that was given away meanwhile is left alone. Raises `Stop` when something survives SIGKILL.
    """
    found = leftovers(home, postgres_data)
    guards = [process for process in found if _is_guard(process)]
    _each(guards, hard=False)
    _gone(guards, _SOFT_S)
    rest = leftovers(home, postgres_data)
    _each(rest, hard=True)
    _gone(rest, _HARD_S)
    if left := leftovers(home, postgres_data):
        raise Stop(
            f"{len(left)} processes of an earlier stack in {home} do not end: {[process.pid for process in left]}. "
            "End them by hand before you start again, or two copies would write the same data."
        )
    return len(found)


def _is_guard(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(word.endswith("guard.py") for word in process.cmdline())
    return False


def _each(found: Iterable[psutil.Process], *, hard: bool) -> None:
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.kill() if hard else process.terminate()


def _gone(found: list[psutil.Process], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and any(_lives(process) for process in found):
        time.sleep(0.05)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _kib(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
