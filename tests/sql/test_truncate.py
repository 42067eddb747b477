"""Truncations: a build or a load brings everything back, whatever was at work or died meanwhile."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.app.ingest import Ingest
from headwater.app.plan_runner import PlanRunner
from headwater.app.truncate import Part, demand_staged, preview_truncation, propose_truncation
from headwater.app.upkeep import clear_staging
from headwater.contracts.streams import STREAMS
from headwater.errors import FixSettings
from headwater.ports import FlushLimits
from tests.sql.test_reload import DAYS, OLD, assert_clean, content_of, load, one_event, send, settle
from tests.support.dying import Killed, dying, paused
from tests.support.events import browser, device, geo, location
from tests.support.front import Front
from tests.support.shelf import Shelf
from tests.support.shell import HEADWATER, Shell
from tests.support.staging import Stage

pytestmark = pytest.mark.stack


@pytest.fixture
def stage(warehouse: ClickHouse) -> Stage:
    """Topics with several partitions: objects are spread over them."""
    return Stage(warehouse, partitions=3)


def _truncate(stage: Stage, part: Part, database: ClickHouse | None = None) -> None:
    db, request = database or stage.db, uuid4()
    demand_staged(db, part)
    PlanRunner(db, stage.clock).run(lambda _plan: propose_truncation(db, stage.clock, part, request))


def _back(stage: Stage, shelf: Shelf, part: Part) -> None:
    """Bring everything back as the part tells."""
    sent = send(stage, shelf, shelf.objects())
    assert (set(sent) == {-1}) == (part is Part.WAREHOUSE), "objects are sent again where staging is gone"
    settle(stage)


@pytest.mark.parametrize("part", Part)
def test_what_was_truncated_comes_back_and_kafka_is_read_on(stage: Stage, part: Part) -> None:
    shelf = Shelf()
    load(stage, shelf, OLD)
    before, claims = content_of(stage), stage.count("ops.claims")
    preview = preview_truncation(stage.db, stage.clock, part)
    assert content_of(stage) == before, "a preview changes nothing"
    assert (preview.rows["analytics.fact_events"], "ops.dead_letters" in preview.rows) == (5, part is Part.ALL)
    _truncate(stage, part)
    assert stage.count("analytics.fact_events") == stage.count("ops.visits") == stage.count("ops.purchases") == 0
    assert stage.count("analytics.events_browser_raw") == (0 if part is Part.ALL else 5)
    assert stage.count("ops.claims") == claims
    _back(stage, shelf, part)
    assert content_of(stage) == before
    assert_clean(stage)


@pytest.mark.parametrize("part", Part)
@pytest.mark.parametrize("stride", [pytest.param(14, id="some"), pytest.param(1, id="all", marks=pytest.mark.long)])
def test_a_truncation_that_died_anywhere_is_finished_by_the_next_build(
    stage: Stage, front: Front, part: Part, stride: int
) -> None:
    shelf = Shelf()
    load(stage, shelf, one_event("e1", DAYS[0]))
    before = content_of(stage)
    for statement in range(4, 200, stride):
        try:
            _truncate(stage, part, dying(front.writer_url, statement))
        except Killed:
            settle(stage)
        else:
            break
        _back(stage, shelf, part)
        assert content_of(stage) == before, f"died before statement {statement}"
    assert statement > 20
    assert_clean(stage)


def test_what_a_consumer_has_in_hand_while_all_is_truncated_is_built_afterwards(stage: Stage, front: Front) -> None:
    shelf = Shelf()
    load(stage, shelf, one_event("e1", DAYS[0]))
    stage.put("browser", [browser("late", click="v77", at=DAYS[1])])
    closing = dying(front.writer_url, 0)
    closing.before = _dies_at("ops.stored")
    with pytest.raises(Killed):
        Ingest(STREAMS["browser"], stage.log, ClickHouseLedger(closing), stage.clock).drain(FlushLimits())
    _truncate(stage, Part.ALL)
    assert stage.count("analytics.events_browser_raw") == 1
    stage.send("device", device("v77"))
    stage.send("geo", geo("v77"))
    stage.send("location", location("late"))
    settle(stage)
    assert stage.count("analytics.fact_events") == 1
    assert_clean(stage)


def test_a_worker_that_slept_through_a_truncation_removes_nothing_that_came_back(stage: Stage, front: Front) -> None:
    shelf = Shelf()
    load(stage, shelf, one_event("e1", DAYS[0]))
    before = content_of(stage)

    def others() -> None:
        settle(stage)
        _back(stage, shelf, Part.ALL)

    _truncate(stage, Part.ALL, paused(front.writer_url, 12, others))
    assert content_of(stage) == before
    assert_clean(stage)


def test_a_warehouse_that_staging_could_not_bring_back_is_left_alone(stage: Stage) -> None:
    shelf = Shelf()
    load(stage, shelf, one_event("e1", DAYS[0]))
    before = content_of(stage)
    stage.clock.moment += timedelta(days=9)
    assert clear_staging(stage.db, stage.clock).rows > 0
    with pytest.raises(FixSettings, match="Use `all`"):
        _truncate(stage, Part.WAREHOUSE)
    assert content_of(stage) == before


def test_the_command_demands_the_word(stage: Stage, front: Front, tmp_path: Path) -> None:
    load(stage, Shelf(), one_event("e1", DAYS[0]))
    shell = Shell(
        {
            **os.environ, "HEADWATER_HOME": str(tmp_path), "HEADWATER_CLICKHOUSE_URL": front.owner_url,
            "HEADWATER_CLICKHOUSE_WRITER_URL": front.writer_url, "COLUMNS": "200",
        }
    )  # fmt: skip
    assert "rows that would go" in shell.run("truncate", "all", "--dry-run")
    for typed, code, facts in (("yes\n", 2, 1), ("", 2, 1), ("truncate\n", 0, 0)):
        done = subprocess.run(
            [HEADWATER, "truncate", "warehouse"], input=typed, env=shell.environment, capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert stage.count("analytics.fact_events") == facts


def _dies_at(words: str) -> Callable[[int, str], None]:
    def before(_number: int, sql: str) -> None:
        if words in sql:
            raise Killed

    return before
