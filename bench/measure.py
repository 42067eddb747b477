"""What a process used: CPU-seconds and peak memory, as the kernel counts them."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Used:
    """CPU-seconds, wall seconds and peak resident bytes of one piece of work."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_bytes: int = 0


def cpu_s(pid: int) -> float:
    """CPU-seconds (user and system) that the process has used so far, in steps of a clock tick."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def peak_bytes(pid: int) -> int:
    """Highest resident size since the start, or since `forget_peak`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def forget_peak(pid: int) -> None:
    """Let `peak_bytes` begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@contextmanager
def own_use() -> Iterator[Used]:
    """What this process uses inside the block."""
    used = Used()
    before, started = _own_cpu_s(), time.perf_counter()
    yield used
    used.cpu_s, used.wall_s = _own_cpu_s() - before, time.perf_counter() - started
    used.peak_bytes = peak_bytes(os.getpid())


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
