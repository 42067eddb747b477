"""The consumer as a service: one member of the group per stream, kept running in one process.

A member whose error may pass (`Retry`) starts again after a pause. Any other error ends the whole process in good
order: a process that went on with three of four streams would look alive while a quarter of the events stood still.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from headwater.app.storing import Moved
from headwater.app.watching import StreamWatch, tell
from headwater.contracts import metrics
from headwater.errors import FixSettings, HeadwaterError, Retry, Stop
from headwater.ports import Clock, FlushLimits, Meter, Watch

# Runs one member until it is told to stop.
Member = Callable[[Callable[[], bool], Watch], Moved]
_LONGEST_MESSAGE = 1_000

# Each claim costs ClickHouse about 0.08 CPU-seconds, so the age decides between freshness and cost: with four streams
# of three partitions 1.5 s make 8 claims a second. Where little comes, nobody pays for that: batches wait longer.
SERVICE_LIMITS = FlushLimits(age_s=1.1, quiet_rows=100, quiet_age_s=5.0)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses between the starts of a member: doubled each time, from the start again after a steady while."""

    first_s: float = 1.0
    longest_s: float = 60.0
    steady_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that ended a member."""

    stream: str
    consequence: str
    message: str
    happened_at: datetime


class Consumer:
    """The members of one process, by the name of their stream."""

    def __init__(
        self,
        members: Mapping[str, Member],
        watches: Mapping[str, StreamWatch],
        meter: Meter,
        clock: Clock,
        backoff: Backoff | None = None,
    ) -> None:
        self._members = members
        self._watches = watches
        self._meter = meter
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._lock = threading.Lock()
        self._failures: list[Failure] = []
        self._fatal: HeadwaterError | None = None

    def run(self, stopping: threading.Event, every_s: float, look: Callable[[], None]) -> list[Moved]:
        """Keep every member running until `stopping` is set; calls `look` every `every_s` seconds and at the end.

        Returns what was stored, by stream. Raises the error that ended the process, once all members have ended.
        """
        with ThreadPoolExecutor(len(self._members), thread_name_prefix="member") as pool:
            for name in self._members:
                pool.submit(self._keep, name, stopping)
            try:
                while not stopping.wait(every_s):
                    look()
            finally:
                stopping.set()  # also after an unforeseen error, for the members would run on unwatched
        look()
        if self._fatal is not None:
            raise self._fatal
        return [watch.moved() for watch in self._watches.values()]

    def take_failures(self) -> list[Failure]:
        """Errors since the last call."""
        with self._lock:
            taken, self._failures = self._failures, []
        return taken

    def _keep(self, name: str, stopping: threading.Event) -> None:
        """Run the member of one stream, again and again where its error may pass."""
        pause_s = self._backoff.first_s
        while not stopping.is_set():
            began_s = time.monotonic()
            self._meter.set(metrics.RUNNING, 1, stream=name)
            try:
                self._members[name](stopping.is_set, self._watches[name])
            except Retry as error:
                if time.monotonic() - began_s > self._backoff.steady_s:
                    pause_s = self._backoff.first_s
                self._note(name, error, "retry", again_after_s=pause_s)
            except Exception as error:  # noqa: BLE001 - whatever it is, no stream may be left behind in silence
                self._note(name, error, _consequence(error))
                self._end(name, error, stopping)
            self._meter.set(metrics.RUNNING, 0, stream=name)
            stopping.wait(pause_s)
            pause_s = min(pause_s * 2, self._backoff.longest_s)

    def _note(self, name: str, error: Exception, consequence: str, **facts: object) -> None:
        message = f"{type(error).__name__}: {error}"[:_LONGEST_MESSAGE]
        with self._lock:
            self._failures.append(Failure(name, consequence, message, self._clock.now()))
        self._meter.add(metrics.FAILURES, stream=name, consequence=consequence)
        level = logging.WARNING if consequence == "retry" else logging.ERROR
        tell("failed", level, stream=name, consequence=consequence, error=message, **facts)

    def _end(self, name: str, error: Exception, stopping: threading.Event) -> None:
        """Remember the first error that no restart can mend, and let all members finish."""
        with self._lock:
            if self._fatal is None:
                self._fatal = error if isinstance(error, HeadwaterError) else _unexpected(name, error)
        stopping.set()


def _unexpected(name: str, error: Exception) -> Stop:
    found = Stop(
        f"The consumer of {name} failed in a way that was not foreseen: {type(error).__name__}: {error}. Nothing is "
        "lost: whoever runs next finishes its claims. Start it again; report it if it comes back.",
    )
    found.__cause__ = error
    return found


def _consequence(error: Exception) -> str:
    if isinstance(error, FixSettings):
        return "fix_settings"
    return "stop" if isinstance(error, HeadwaterError) else "unexpected"


def periodically(every_s: float, stopping: threading.Event, do: Callable[[], None]) -> threading.Thread:
    """Start a thread that does it every `every_s` seconds until `stopping` is set; errors of ours skip one turn."""

    def run() -> None:
        due_s = time.monotonic()
        while not stopping.wait(max(0.0, due_s - time.monotonic())):
            with suppress(HeadwaterError):
                do()
            due_s = max(due_s + every_s, time.monotonic())

    thread = threading.Thread(target=run, name="heartbeats", daemon=True)
    thread.start()
    return thread
