"""How the stack is: state, age, restarts, memory and health of every part."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from headwater.local.layout import Layout
from headwater.local.parts import Part
from headwater.local.processes import Memory, memory
from headwater.local.supervisor import Program, Supervisor

_NONE = Memory(0, 0)


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part. `pid` is the program itself; `memory` counts its guard and everything it started."""

    name: str
    state: str
    healthy: bool
    pid: int | None
    uptime_s: float | None
    restarts: int
    ports: Mapping[str, int]
    memory: Memory


@dataclass(frozen=True, slots=True)
class StackStatus:
    """All parts."""

    home: Path
    supervisor_pid: int | None
    parts: tuple[PartStatus, ...]
    memory: Memory

    @property
    def healthy(self) -> bool:
        """Whether the whole stack works."""
        return bool(self.parts) and all(part.healthy for part in self.parts)

    def part(self, name: str) -> PartStatus:
        """One part by name."""
        return next(part for part in self.parts if part.name == name)

    def as_json(self) -> str:
        """For other programs."""
        content = {"healthy": self.healthy, **asdict(self), "home": str(self.home)}
        return json.dumps(content, indent=2)


def look(layout: Layout, supervisor: Supervisor, parts: Sequence[Part]) -> StackStatus:
    """Ask the supervisor and every part."""
    programs = supervisor.programs()
    with ThreadPoolExecutor(max(1, len(parts))) as pool:
        found = tuple(pool.map(lambda part: _part(part, programs.get(part.name)), parts))
    pid = _supervisor_pid(layout) if programs else None
    own = memory(pid) if pid else _NONE
    return StackStatus(layout.home, pid, found, own)


def _part(part: Part, program: Program | None) -> PartStatus:
    if program is None or not program.running:
        return PartStatus(part.name, "stopped", False, None, None, 0, part.ports, _NONE)
    record = _record(part)
    healthy = program.pid > 0 and part.healthy()
    state = {"STARTING": "starting", "BACKOFF": "failing", "STOPPING": "stopping"}.get(program.state, "running")
    return PartStatus(
        name=part.name,
        state="running" if healthy and state == "starting" else state,
        healthy=healthy,
        pid=record.get("pid") if program.pid else None,
        uptime_s=round(time.time() - program.started_at, 1) if program.pid else None,
        restarts=max(0, record.get("starts", 1) - 1),
        ports=part.ports,
        memory=memory(program.pid) if program.pid else _NONE,
    )


def _record(part: Part) -> dict[str, int]:
    """What the part's guard wrote when it started the program."""
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, int] = json.loads(Path(part.job.state).read_text(encoding="utf-8"))
        return found
    return {}


def _supervisor_pid(layout: Layout) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int((layout.run / "supervisor.pid").read_text(encoding="ascii"))
    return None
