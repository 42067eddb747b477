"""Real processes: correctors that are killed or stopped by signals, and a ClickHouse that dies under them."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.build import Build, BuildLimits
from headwater.errors import HeadwaterError
from tests.sql.test_corrections import assert_sound
from tests.sql.test_corrections_killed import DAYS, arrive, prepare
from tests.support.builder import start, wait_stopped
from tests.support.dying import Stepping
from tests.support.events import browser, location
from tests.support.front import Front
from tests.support.head import lay_head
from tests.support.staging import Stage

pytestmark = [pytest.mark.stack, pytest.mark.long]
# Statements of a run that corrects one day: the sheet, the shadows, the swaps, the end.
MOMENTS = (12, 14, 20, 40, 41, 46, 52)


def test_correctors_killed_by_signal_leave_what_the_next_finishes(stage: Stage, front: Front) -> None:
    prepare(stage)
    for n, statement in enumerate(MOMENTS):
        arrive(stage, n)
        process = start(front.writer_url, stage.clock.moment, statement, signal.SIGKILL)
        assert process.wait(120) == -signal.SIGKILL
        stage.build()
        assert stage.count("analytics.fact_events", "is_complete") == DAYS + n + 1
    assert_sound(stage)


def test_a_stopped_corrector_that_goes_on_later_changes_nothing(stage: Stage, front: Front) -> None:
    days = prepare(stage)
    for n, statement in enumerate(MOMENTS):
        arrive(stage, n)
        process = start(front.writer_url, stage.clock.moment, statement, signal.SIGSTOP)
        try:
            assert wait_stopped(process)
            stage.build()
            stage.send("browser", browser(f"more{n}", click="known", at=days[n]))
            stage.send("location", location(f"more{n}"))
            stage.build()
        finally:
            process.send_signal(signal.SIGCONT)
        assert process.wait(120) == 0
        assert stage.count("analytics.fact_events", "is_complete") == DAYS + 2 * (n + 1), f"woken at {statement}"
    assert_sound(stage)


@pytest.fixture
def own(short_folder: Path) -> Iterator[Front]:
    """A front of the test's own, for it kills it."""
    lay_head(short_folder / "killed")
    with Front.start(short_folder / "killed") as started:
        yield started


def _crash(front: Front) -> None:
    front.kill()
    front.restart()


def test_a_front_that_dies_at_or_in_any_statement_loses_nothing(own: Front) -> None:
    stage = Stage(ClickHouse(own.writer_url))
    prepare(stage)
    seed = 20261125
    chance = random.Random(seed)
    for n, statement in enumerate(MOMENTS):
        arrive(stage, n)

        crash = threading.Timer(chance.choice((0, 0.002, 0.005, 0.01)), _crash, [own])

        def kill(number: int, _sql: str, statement: int = statement, crash: threading.Timer = crash) -> None:
            if number == statement:
                crash.start()
                if chance.random() < 0.5:
                    crash.join()

        with contextlib.suppress(HeadwaterError):
            Build(Stepping(own.writer_url, kill), stage.clock, BuildLimits()).run()
        crash.join()
        stage.build()
        assert stage.count("analytics.fact_events", "is_complete") == DAYS + n + 1, (
            f"seed {seed}, statement {statement}"
        )
    assert_sound(stage)
