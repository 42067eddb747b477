"""Run one program and answer for everything it starts: when the program, this guard or its parent ends, all end.

`python guard.py JOB_FILE`, where the file holds a `Job` as JSON (it may hold secrets, so it is private).

A supervisor only knows the process that it started. Airflow's tasks have process groups of their own and PostgreSQL
and Airflow fork workers, so they would live on and hold ports and locks. The guard is their subreaper: orphans become
its children, and it does not exit before they have. Only the standard library is used, so that a guard stays small.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

PART_VARIABLE = "HEADWATER_SUPERVISED_PART"
STACK_VARIABLE = "HEADWATER_SUPERVISED_HOME"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_ORPHAN_GRACE_S = 3.0
_POLL_S = 0.05
_IDLE_S = 60.0
_STOPS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP})
_AWAITED = _STOPS | {signal.SIGCHLD}


@dataclass(frozen=True, slots=True)
class Job:
    """What to run and how to end it."""

    command: Sequence[str]
    part: str = ""
    # File that records the process and how often it was started.
    state: str = ""
    folder: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    grace_s: float = 20.0

    @classmethod
    def read(cls, path: Path) -> Job:
        """The job that `write` put into the file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def text(self) -> str:
        """The job as the content of a file."""
        return json.dumps(asdict(self), indent=1)


class Guard:
    """One run of a job."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def run(self) -> int:
        """Start the job, wait for it or for a request to stop, end all descendants; returns the job's exit code."""
        parent = os.getppid()
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            return 1  # the parent died before it could be watched
        clear_leftovers(self._job.part)
        child = self._start()
        self._record(child)
        code = self._wait(child)
        end_descendants()
        return code

    def _start(self) -> int:
        guard = os.getpid()
        child = os.fork()
        if child:
            return child
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, set())
            os.setpgid(0, 0)
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != guard:
                os._exit(1)
            os.chdir(self._job.folder)
            environment = {**os.environ, **self._job.environment}
            os.execvpe(self._job.command[0], list(self._job.command), environment)  # noqa: S606
        except OSError as error:
            sys.stderr.write(f"{self._job.command[0]} cannot be run: {error}\n")
            sys.stderr.flush()
        os._exit(127)

    def _record(self, child: int) -> None:
        """Tell `status` which process it is and how often it was started."""
        if not self._job.state:
            return
        path = Path(self._job.state)
        starts = 0
        with contextlib.suppress(OSError, ValueError):
            starts = json.loads(path.read_text(encoding="utf-8"))["starts"]
        record = {"guard": os.getpid(), "pid": child, "starts": starts + 1, "at": time.time()}
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(json.dumps(record), encoding="utf-8")
        fresh.replace(path)

    def _wait(self, child: int) -> int:
        deadline: float | None = None
        while True:
            ended, status = _reap_one()
            if ended == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            if ended:
                continue
            if deadline is not None and time.monotonic() > deadline:
                _signal(child, signal.SIGKILL)
            came = signal.sigtimedwait(_AWAITED, _IDLE_S if deadline is None else 0.5)
            if came is not None and came.si_signo in _STOPS and deadline is None:
                deadline = time.monotonic() + self._job.grace_s
                _signal(child, signal.Signals[f"SIG{self._job.stop_signal}"])


def end_descendants() -> None:
    """Ask every remaining descendant to end, then kill until none is left."""
    deadline = time.monotonic() + _ORPHAN_GRACE_S
    asked: set[int] = set()
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        left = descendants(os.getpid())
        if not left:
            return
        for pid in left:
            if time.monotonic() > deadline:
                _signal(pid, signal.SIGKILL)
            elif pid not in asked:
                asked.add(pid)
                _signal(pid, signal.SIGTERM)
        time.sleep(_POLL_S)


def clear_leftovers(part: str) -> None:
    """Kill what an earlier guard of this part, itself killed, could not end."""
    home = os.environ.get(STACK_VARIABLE)
    if not home or not part:
        return
    mine = {os.getpid(), os.getppid()}

    def left() -> list[int]:
        return [pid for pid in marked(home, part) if pid not in mine]

    deadline = time.monotonic() + 10
    while (pids := left()) and time.monotonic() < deadline:
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


def marked(home: str, part: str | None = None) -> Iterator[int]:
    """Living processes that were started for this stack (and part), by the variables that they inherited."""
    wanted = {f"{STACK_VARIABLE}={home}".encode()}
    if part is not None:
        wanted.add(f"{PART_VARIABLE}={part}".encode())
    for pid in _pids():
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted.issubset(variables):
            yield pid


def descendants(root: int) -> list[int]:
    """Living descendants of `root`, zombies left out."""
    children: dict[int, list[int]] = {}
    for pid in _pids():
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        # The name in parentheses may hold anything, so fields are counted from its end.
        state, parent = text.rpartition(")")[2].split()[:2]
        if state not in "ZX":
            children.setdefault(int(parent), []).append(pid)
    found: list[int] = []
    queue = [root]
    while queue:
        for pid in children.get(queue.pop(), ()):
            found.append(pid)
            queue.append(pid)
    return found


def prctl(option: int, value: int) -> None:
    """Set a property of this process in the kernel."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208  names only, and often


def _reap_one() -> tuple[int, int]:
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def main(arguments: Sequence[str]) -> int:
    """Entry point."""
    # Blocked signals can be waited for without a race between a look at the children and the pause.
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    return Guard(Job.read(Path(arguments[0]))).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
