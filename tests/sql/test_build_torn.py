"""ClickHouse dies at the rename of a part that a build writes: a token is known and its rows are not there.

The tables that are fed by views are written in the insert of the facts, each in a part of its own, so a death can leave
the facts whole and what is derived from them short; and a swap can leave a day with its old parts and its new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.build import Build, BuildLimits, Built
from headwater.app.plan_books import PlanBooks
from headwater.core.day_tables import DAY_TABLES, FACTS
from headwater.errors import Retry
from tests.chaos.tears import FragileFront, Moment, lost_tokens
from tests.sql.test_corrections import assert_sound, built_incomplete
from tests.support.emptied import empty_warehouse
from tests.support.events import browser, device, geo, location
from tests.support.fingerprint import fingerprint
from tests.support.ports import free_port
from tests.support.staging import Stage

pytestmark = pytest.mark.stack


def _tables(*short: str) -> list[ParameterSet]:
    """Facts and all that is derived from them; only `short` outside the long run."""
    every = (FACTS, *(table.table for table in DAY_TABLES))
    return [pytest.param(name, marks=() if name in short else pytest.mark.long) for name in every]


@pytest.fixture(scope="module")
def fragile(short_folder: Path) -> Iterator[FragileFront]:
    """A front that dies when it is told to."""
    started = FragileFront.start(short_folder / "torn", free_port())
    yield started
    started.front.stop()


@pytest.fixture
def torn(fragile: FragileFront) -> Iterator[Stage]:
    """An empty warehouse on that front."""
    if not fragile.is_alive:
        fragile.front.restart()
    empty_warehouse(fragile.front.owner_url)
    stage = Stage(ClickHouse(fragile.front.writer_url))
    yield stage
    fragile.disarm()


def _fill(stage: Stage) -> None:
    """Two days with every kind of row: views and purchases of known users, and an event that lacks its device."""
    for day in ("2026-05-01", "2026-05-02"):
        names = [f"{day} {n}" for n in range(6)]
        stage.send("browser", *[browser(name, click=name[-1], at=f"{day} 10:0{n}:00") for n, name in enumerate(names)])
        stage.send(
            "location", *[location(name, "/product_a" if n % 2 else "/confirmation") for n, name in enumerate(names)]
        )
        stage.send("browser", browser(f"late {day}", click="unknown", at=f"{day} 11:00:00"))
    stage.send("device", *[device(str(n), user=f"u{n % 3}") for n in range(6)])
    stage.send("geo", *[geo(str(n)) for n in range(6)])
    stage.clock.moment += timedelta(minutes=16)


def _build_through(fragile: FragileFront, stage: Stage, table: str, moment: Moment) -> Built:
    """Build while ClickHouse dies at the next part of a table and comes back."""
    fragile.arm(table, moment)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(Build(ClickHouse(fragile.front.writer_url), stage.clock, BuildLimits()).run)
        fragile.wait_dead()
        fragile.front.restart()
        return run.result()


@pytest.fixture(scope="module")
def undisturbed(fragile: FragileFront) -> dict[str, tuple[int, int]]:
    """The content when nothing dies."""
    empty_warehouse(fragile.front.owner_url)
    stage = Stage(ClickHouse(fragile.front.writer_url))
    _fill(stage)
    stage.build()
    return fingerprint(stage.db)


@pytest.mark.parametrize("table", _tables(FACTS, "analytics.agg_traffic_sources"))
def test_a_part_that_never_came_is_made_again(
    undisturbed: dict[str, tuple[int, int]], torn: Stage, fragile: FragileFront, table: str
) -> None:
    _fill(torn)
    before = lost_tokens(fragile.table_folder(table))
    built = _build_through(fragile, torn, table, Moment.BEFORE)
    assert lost_tokens(fragile.table_folder(table)) - before, f"{table} was not torn"
    assert built.plans[0].mended == 2
    torn.build()
    assert fingerprint(torn.db) == undisturbed
    assert_sound(torn)


@pytest.mark.parametrize("table", _tables(FACTS))
def test_what_comes_after_the_last_part_is_made_again(
    undisturbed: dict[str, tuple[int, int]], torn: Stage, fragile: FragileFront, table: str
) -> None:
    _fill(torn)
    assert _build_through(fragile, torn, table, Moment.AFTER).plans[0].mended == 2
    torn.build()
    assert fingerprint(torn.db) == undisturbed
    assert_sound(torn)


def test_without_the_mark_the_loss_would_stay(
    torn: Stage, fragile: FragileFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlanBooks, "was_interrupted", lambda _books, _plan: False)
    _fill(torn)
    _build_through(fragile, torn, "analytics.agg_traffic_sources", Moment.BEFORE)
    with pytest.raises(AssertionError):
        assert_sound(torn)


@pytest.mark.parametrize("table", [FACTS, pytest.param("ops.purchases", marks=pytest.mark.long)])
def test_a_swap_that_died_between_new_and_old_parts_leaves_no_row_twice(
    torn: Stage, fragile: FragileFront, table: str
) -> None:
    if not fragile.has_shim:
        pytest.skip("needs a C compiler: the moment is within one statement")
    _fill(torn)
    built_incomplete(torn)
    torn.send("device", device("unknown", user="u9"))
    with pytest.raises(Retry):  # a swap is not sent again
        _build_through(fragile, torn, table, Moment.BETWEEN)
    torn.build()
    assert torn.count(FACTS) == 14
    assert torn.count(FACTS, "isNotNull(user_domain_id)") == 14
    assert_sound(torn)
