"""The rhythm of builds that go on and on: what is left of the interval is waited for, and errors are told apart."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import pytest

from headwater.app.keep_building import Rhythm, keep_building
from headwater.app.plan_books import PlanDone
from headwater.app.plan_runner import Built
from headwater.errors import Retry, Stop


class Waits(Event):
    """An event that never sleeps: it notes how long it was to wait, moves the clock, and is set after so many waits."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.rounds, self.waited, self.moment = rounds, list[float](), 0.0

    def wait(self, timeout: float | None = None) -> bool:
        """Return at once."""
        self.waited.append(timeout or 0.0)
        self.moment += timeout or 0.0
        if len(self.waited) == self.rounds:
            self.set()
        return self.is_set()


def _run(waits: Waits, build: Callable[[], Built], every_s: float = 30, dimensions_every_s: float = 300) -> list[str]:
    told: list[str] = []
    keep_building(
        build, lambda: told.append("dimensions"), Rhythm(every_s, dimensions_every_s), waits,
        lambda event, **_facts: told.append(event), lambda: waits.moment,
    )  # fmt: skip
    return told


def _built(facts: int = 1) -> Built:
    return Built([PlanDone(1, facts=facts)])


def test_only_what_is_left_of_the_interval_is_waited_for() -> None:
    waits = Waits(2)

    def build() -> Built:
        waits.moment += 7
        return Built()

    _run(waits, build)
    assert waits.waited == [23, 23]


def test_a_build_that_takes_longer_than_the_interval_is_followed_at_once() -> None:
    waits = Waits(1)

    def build() -> Built:
        waits.moment += 100
        return _built()

    _run(waits, build)
    assert waits.waited == [0]


def test_dimensions_have_their_own_rhythm_and_rest_while_nothing_changes() -> None:
    results = [_built(), _built(), *[Built() for _ in range(20)]]
    told = _run(Waits(22), lambda: results.pop(0), every_s=30, dimensions_every_s=120)
    assert told.count("dimensions") == 2


def test_what_changed_last_reaches_the_dimensions_before_the_end() -> None:
    assert _run(Waits(2), _built)[-1] == "dimensions"


def test_an_error_that_may_pass_is_tried_again_with_growing_pauses() -> None:
    waits, failures = Waits(4), 3

    def build() -> Built:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise Retry("ClickHouse is away")
        return _built()

    told = _run(waits, build)
    assert waits.waited == [2, 4, 8, 30]
    assert told[:4] == ["failed", "failed", "failed", "built"]


def test_any_other_error_ends_it() -> None:
    def build() -> Built:
        raise Stop("look at it")

    with pytest.raises(Stop):
        _run(Waits(3), build)
