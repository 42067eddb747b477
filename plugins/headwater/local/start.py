"""Start the parts in the order of their needs, as many at a time as that allows, and wait until each works."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from headwater.errors import HeadwaterError, Stop
from headwater.local.guard import PART_VARIABLE
from headwater.local.layout import Layout
from headwater.local.parts import Part, Plan, Step, base_environment
from headwater.local.supervisor import Supervisor, guarded, job_file

State = Literal["preparing", "starting", "healthy", "failed", "stopped"]
_POLL_S = 0.25
# A program that ended this often before it ever worked will not start to.
_DEATHS = 3
_LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of one part, `elapsed_s` after the work on it began."""

    part: str
    state: State
    elapsed_s: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """What `up` achieved."""

    elapsed_s: float
    addresses: Mapping[str, str]


class Starter:
    """One run of `up` over a living supervisor."""

    def __init__(self, layout: Layout, supervisor: Supervisor, plan: Plan, report: Callable[[Progress], None]) -> None:
        self._layout = layout
        self._supervisor = supervisor
        self._plan = plan
        self._report = report
        self._began = time.monotonic()
        self._given_up = threading.Event()
        self._futures: dict[str, Future[None]] = {}

    def run(self) -> None:
        """Start everything; raises the error of the first part that failed."""
        self._began = time.monotonic()
        count = len(self._plan.parts) + len(self._plan.steps)
        with ThreadPoolExecutor(count) as pool:
            ready = threading.Event()

            def task(action: Callable[[], None]) -> None:
                ready.wait()
                action()

            for step in self._plan.steps:
                self._futures[step.name] = pool.submit(task, partial(self._run_once, step))
            for part in self._plan.parts:
                self._futures[part.name] = pool.submit(task, partial(self._start, part))
            ready.set()
            try:
                wait(self._futures.values())
            except KeyboardInterrupt:
                self._given_up.set()  # or the threads would go on until every part works
                raise
            failures = [future.exception() for future in self._futures.values()]
        for failure in failures:
            if failure is not None and not isinstance(failure, _NotTriedError):
                raise failure

    def _start(self, part: Part) -> None:
        with self._reported(part.name):
            for need in part.needs:
                self._await(need)
            program = self._supervisor.programs().get(part.name)
            if program is None or not program.running:
                self._begin(part.name, "preparing", part.notice())
                part.prepare()
                self._begin(part.name, "starting")
                self._supervisor.start_program(part.name)
            self._until_healthy(part)

    def _run_once(self, step: Step) -> None:
        with self._reported(step.name):
            for need in step.needs:
                self._await(need)
            if step.done:
                return
            self._begin(step.name, "starting")
            step.prepare()
            with self._layout.log(step.name).open("wb") as output:
                done = subprocess.run(
                    guarded(str(job_file(self._layout, step.name))),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=base_environment(self._layout, {PART_VARIABLE: step.name}),
                    umask=0o077,
                    check=False,
                )
            if done.returncode:
                raise self._failure(step.name, f"ended with exit code {done.returncode}")
            step.stamp.write_text(step.version, encoding="utf-8")

    def _until_healthy(self, part: Part) -> None:
        deadline = time.monotonic() + part.start_timeout_s
        while True:
            program = self._supervisor.programs().get(part.name)
            if program is None:
                raise Stop(f"The supervisor went away while {part.name} started. Run `headwater up` again.")
            if program.state == "FATAL":
                raise self._failure(part.name, program.problem or "could not be run")
            if program.pid and part.healthy():
                return
            if program.state == "BACKOFF" and self._starts(part) >= _DEATHS:
                raise self._failure(part.name, f"ended {_DEATHS} times right after its start")
            if time.monotonic() > deadline:
                raise self._failure(part.name, f"did not work within {part.start_timeout_s:.0f} s")
            if self._given_up.wait(_POLL_S):
                raise _NotTriedError(part.name)

    def _starts(self, part: Part) -> int:
        with contextlib.suppress(OSError, ValueError, KeyError):
            return int(json.loads(Path(part.job.state).read_text(encoding="utf-8"))["starts"])
        return 0

    def _await(self, need: str) -> None:
        if self._futures[need].exception() is not None:
            raise _NotTriedError(need)

    def _begin(self, part: str, state: State, note: str = "") -> None:
        if self._given_up.is_set():
            raise _NotTriedError(part)
        self._report(Progress(part, state, time.monotonic() - self._began, note))

    @contextlib.contextmanager
    def _reported(self, part: str) -> Iterator[None]:
        """Report how the work on a part ended, and let nothing further begin after a failure."""
        try:
            yield
        except _NotTriedError:
            raise
        except Exception:
            self._given_up.set()
            self._report(Progress(part, "failed", time.monotonic() - self._began))
            raise
        self._report(Progress(part, "healthy", time.monotonic() - self._began))

    def _failure(self, part: str, what: str) -> Stop:
        path = self._layout.log(part)
        return Stop(
            f"{part} {what}. The end of its log:\n{tail(path, _LOG_LINES)}\n"
            f"The whole log is {path}. Mend what it names and run `headwater up` again; "
            "what has started keeps running (`headwater down` ends it).",
            part=part,
            log=path,
        )


class _NotTriedError(HeadwaterError):
    """A part was not started because another one failed."""


def tail(path: Path, lines: int) -> str:
    """The last lines of a text file, indented; a note where there is none."""
    try:
        with path.open("rb") as handle:
            handle.seek(max(0, handle.seek(0, 2) - 64 * 1024))
            text = handle.read().decode("utf-8", errors="replace")
    except OSError:
        return "    (no log was written)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (the log is empty)"
