"""The consumer as a service: what is started again, what ends the process, and what is written down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from headwater.adapters.memory import FixedClock
from headwater.adapters.metrics import Metrics
from headwater.app.consumer import Backoff, Consumer, Member, periodically
from headwater.app.storing import Moved
from headwater.app.watching import StreamWatch
from headwater.errors import FixSettings, HeadwaterError, Retry, Stop
from headwater.ports import Watch

_QUICK = Backoff(first_s=0.005, longest_s=0.02)


@dataclass
class Script:
    """A member that raises what it is told to, one error per start, and runs on once nothing is left."""

    errors: list[Exception] = field(default_factory=list)
    starts: int = 0
    ended_in_order: bool = False
    running: threading.Event = field(default_factory=threading.Event)

    def __call__(self, stop: Callable[[], bool], _watch: Watch) -> Moved:
        self.starts += 1
        if self.errors:
            raise self.errors.pop(0)
        self.running.set()
        deadline = time.monotonic() + 10
        while not stop():
            assert time.monotonic() < deadline, "nobody told the member to stop"
            time.sleep(0.001)
        self.ended_in_order = True
        return Moved("x")


def _consumer(members: Mapping[str, Member], meter: Metrics | None = None) -> Consumer:
    meter, clock = meter or Metrics(), FixedClock()
    watches = {name: StreamWatch(name, meter, clock) for name in members}
    return Consumer(members, watches, meter, clock, _QUICK)


def _run(consumer: Consumer, stopping: threading.Event, look: Callable[[], None] = lambda: None) -> list[Moved]:
    return consumer.run(stopping, 0.005, look)


def test_a_member_whose_error_may_pass_is_started_again_and_the_others_run_on() -> None:
    flaky, steady = Script([Retry("Kafka is away"), Retry("still away")]), Script()
    meter, stopping = Metrics(), threading.Event()
    consumer = _consumer({"browser": flaky, "geo": steady}, meter)

    def look() -> None:
        if flaky.running.is_set() and steady.running.is_set():
            stopping.set()

    moved = _run(consumer, stopping, look)
    assert [each.stream for each in moved] == ["browser", "geo"]
    assert (flaky.starts, steady.starts) == (3, 1)
    assert flaky.ended_in_order
    assert steady.ended_in_order
    failures = consumer.take_failures()
    assert [(f.stream, f.consequence, f.message) for f in failures] == [
        ("browser", "retry", "Retry: Kafka is away"),
        ("browser", "retry", "Retry: still away"),
    ]
    assert consumer.take_failures() == []
    assert 'headwater_stream_failures_total{stream="browser",consequence="retry"} 2' in meter.render()
    assert 'headwater_stream_running{stream="geo"} 0' in meter.render()


@pytest.mark.parametrize(
    ("error", "consequence"),
    [(Stop("look at it"), "stop"), (FixSettings("no such topic"), "fix_settings")],
)
def test_an_error_that_no_restart_mends_ends_all_members_in_order(error: HeadwaterError, consequence: str) -> None:
    broken, healthy = Script([error]), Script()
    consumer = _consumer({"browser": broken, "geo": healthy})
    with pytest.raises(type(error), match=str(error)):
        _run(consumer, threading.Event())
    assert broken.starts == 1
    assert healthy.ended_in_order or healthy.starts == 0
    assert [f.consequence for f in consumer.take_failures()] == [consequence]


def test_an_unforeseen_error_ends_the_process_too_and_says_what_it_was() -> None:
    consumer = _consumer({"browser": Script([KeyError("partition")])})
    with pytest.raises(Stop, match=r"browser failed in a way that was not foreseen: KeyError") as caught:
        _run(consumer, threading.Event())
    assert isinstance(caught.value.__cause__, KeyError)
    assert [f.consequence for f in consumer.take_failures()] == ["unexpected"]


def test_the_first_error_is_told_when_the_end_brings_more() -> None:
    class Late(Script):
        def __call__(self, stop: Callable[[], bool], _watch: Watch) -> Moved:
            super().__call__(stop, _watch)
            raise Stop("second")

    late = Late()

    def first(stop: Callable[[], bool], watch: Watch) -> Moved:
        assert late.running.wait(10)
        raise FixSettings("first")

    with pytest.raises(FixSettings, match="first"):
        _run(_consumer({"browser": first, "geo": late}), threading.Event())


def test_a_stop_during_a_pause_ends_at_once() -> None:
    stopping = threading.Event()
    consumer = Consumer(
        {"geo": Script([Retry("away")])}, {"geo": StreamWatch("geo", Metrics(), FixedClock())}, Metrics(), FixedClock(),
        Backoff(first_s=600),
    )  # fmt: skip

    def look() -> None:
        if not stopping.is_set() and consumer.take_failures():
            stopping.set()

    began = time.monotonic()
    _run(consumer, stopping, look)
    assert time.monotonic() - began < 5


def test_the_last_look_comes_after_every_member_has_ended() -> None:
    member, stopping = Script(), threading.Event()
    seen: list[bool] = []

    def look() -> None:
        seen.append(member.ended_in_order)
        if member.running.is_set():
            stopping.set()

    _run(_consumer({"geo": member}), stopping, look)
    assert seen[-1]


def test_an_unforeseen_error_of_the_look_ends_all_members_in_order() -> None:
    member = Script()

    def look() -> None:
        if member.running.is_set():
            raise KeyError("partition")

    with pytest.raises(KeyError, match="partition"):
        _run(_consumer({"geo": member}), threading.Event(), look)
    assert member.ended_in_order


def test_what_is_done_periodically_survives_errors_of_ours_and_ends_when_told() -> None:
    stopping, calls = threading.Event(), []

    def do() -> None:
        calls.append(1)
        if len(calls) == 4:
            stopping.set()
        raise Retry("Kafka is away")

    thread = periodically(0.001, stopping, do)
    thread.join(10)
    assert not thread.is_alive()
    assert len(calls) == 4


def test_pauses_grow_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    class Stopping(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if threading.current_thread() is not threading.main_thread():
                pauses.append(timeout or 0)
                return super().wait(0)
            return super().wait(timeout)

    errors: list[Any] = [Retry(str(n)) for n in range(6)]
    member = Script(errors)
    stopping = Stopping()
    consumer = Consumer(
        {"geo": member}, {"geo": StreamWatch("geo", Metrics(), FixedClock())}, Metrics(), FixedClock(),
        Backoff(first_s=1, longest_s=5),
    )  # fmt: skip
    _run(consumer, stopping, lambda: stopping.set() if member.running.is_set() else None)
    assert pauses[:6] == [1, 2, 4, 5, 5, 5]
