"""Start the parts in the order of their needs, as many at a time as that allows, and wait until each works."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from headwater.errors import HeadwaterError, Stop
from headwater.local import airflow, postgres
from headwater.local.layout import Layout
from headwater.local.parts import DATABASE_STEP, Part, base_environment
from headwater.local.supervisor import Supervisor, guarded

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

    def __init__(
        self, layout: Layout, supervisor: Supervisor, parts: Sequence[Part], report: Callable[[Progress], None]
    ) -> None:
        self._layout = layout
        self._supervisor = supervisor
        self._parts = parts
        self._report = report
        self._began = time.monotonic()
        self._given_up = threading.Event()
        self._futures: dict[str, Future[None]] = {}

    def run(self) -> None:
        """Start everything; raises the error of the first part that failed."""
        self._began = time.monotonic()
        names = [part.name for part in self._parts]
        with ThreadPoolExecutor(len(self._parts) + 1) as pool:
            ready = threading.Event()

            def task(action: Callable[[], None]) -> None:
                ready.wait()
                action()

            self._futures[DATABASE_STEP] = pool.submit(task, self._migrate)
            for part in self._parts:
                self._futures[part.name] = pool.submit(task, partial(self._start, part))
            ready.set()
            # A failure is in the log of one part; what waited for it has nothing to say.
            failures = [self._futures[name].exception() for name in (DATABASE_STEP, *names)]
        for failure in failures:
            if failure is not None and not isinstance(failure, _NotTriedError):
                raise failure

    def _start(self, part: Part) -> None:
        with self._reported(part.name):
            for need in part.needs:
                self._await(need)
            program = self._supervisor.programs().get(part.name)
            if program is None or not program.running:
                self._begin(part.name, "preparing")
                part.prepare()
                self._begin(part.name, "starting")
                self._supervisor.start_program(part.name)
            self._until_healthy(part)

    def _migrate(self) -> None:
        """Bring Airflow's tables up to date, unless this version of Airflow already did."""
        with self._reported(DATABASE_STEP):
            self._await("postgres")
            stamp = self._layout.postgres_data.with_name("airflow-db.version")
            current = version("apache-airflow-core")
            if stamp.is_file() and stamp.read_text(encoding="utf-8") == current:
                return
            self._begin(DATABASE_STEP, "starting")
            postgres.create_database(self._layout.runtime, airflow.DATABASE)
            log = self._layout.log(DATABASE_STEP)
            with log.open("wb") as output:
                done = subprocess.run(
                    guarded(self._layout, DATABASE_STEP),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=base_environment(self._layout),
                    umask=0o077,
                    check=False,
                )
            if done.returncode:
                raise self._failure(DATABASE_STEP, f"ended with exit code {done.returncode}")
            stamp.write_text(current, encoding="utf-8")

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

    def _begin(self, part: str, state: State) -> None:
        if self._given_up.is_set():
            raise _NotTriedError(part)
        self._report(Progress(part, state, time.monotonic() - self._began))

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
