"""Step boundaries around the engine's ports, at which a member kills or stops itself."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, cast

from headwater.ports import EventLog, EventReader, Ledger


class Action(StrEnum):
    """What the member does to itself."""

    KILL = "kill"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Failpoint:
    """The nth time that a member comes to one side of a step, such as `before store`."""

    side: str
    step: str
    nth: int
    action: Action

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `before:store:1:kill`."""
        side, step, nth, action = text.split(":")
        return cls(side, step, int(nth), Action(action))

    def __str__(self) -> str:
        return f"{self.side}:{self.step}:{self.nth}:{self.action}"


class Failpoints:
    """Counts the boundaries that were passed, over all threads of the member."""

    def __init__(self, armed: Failpoint | None) -> None:
        self._armed = armed
        self._passed: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def reach(self, side: str, step: str) -> None:
        """Come to a boundary."""
        with self._lock:
            self._passed[side, step] += 1
            armed = self._armed
            is_here = armed is not None and (armed.side, armed.step) == (side, step)
            if armed is None or not is_here or self._passed[side, step] != armed.nth:
                return
        os.kill(os.getpid(), signal.SIGKILL if armed.action is Action.KILL else signal.SIGSTOP)

    def ledger(self, ledger: Ledger) -> Ledger:
        """The same ledger with a boundary on both sides of every method."""
        return cast("Ledger", _Stepped(ledger, self))

    def log(self, log: EventLog) -> EventLog:
        """The same log with boundaries, also around the methods of its readers."""
        return cast("EventLog", _SteppedLog(log, self))


class _Stepped:
    """Passes every call on, between two boundaries named after the method."""

    def __init__(self, target: object, points: Failpoints) -> None:
        self._target = target
        self._points = points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found):
            return found

        def between(*args: Any, **kwargs: Any) -> Any:
            self._points.reach("before", name)
            result = found(*args, **kwargs)
            self._points.reach("after", name)
            return result

        return between


class _SteppedLog(_Stepped):
    @contextmanager
    def join(self, topic: str, *args: Any, **kwargs: Any) -> Iterator[EventReader]:
        """Join with a reader that has boundaries too."""
        self._points.reach("before", "join")
        enter = cast("Callable[..., AbstractContextManager[EventReader]]", getattr(self._target, "join"))  # noqa: B009
        with enter(topic, *args, **kwargs) as reader:
            yield cast("EventReader", _Stepped(reader, self._points))
