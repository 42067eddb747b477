"""Objects loaded anew: what they had brought in goes, and the end is that of a warehouse that only saw the new content."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.build import Build, BuildLimits
from headwater.app.check import read_checks, run_checks
from headwater.app.dimensions import update_dimension
from headwater.app.ingest import Ingest
from headwater.app.load import Loader
from headwater.app.objects import load_object
from headwater.app.plan_runner import PlanRunner
from headwater.app.reconcile import reconcile
from headwater.app.reload import Reload, propose_reload
from headwater.app.taking_out import TakenOut, taken_out
from headwater.assets import asset
from headwater.contracts.streams import FACT_STREAMS, STREAMS
from headwater.core.checks import CheckKind
from headwater.core.object_keys import EventObject
from headwater.errors import HeadwaterError
from headwater.ports import FlushLimits
from tests.sql.test_closing import assert_balanced
from tests.sql.test_corrections import assert_sound
from tests.support.dying import Killed, dying, paused
from tests.support.emptied import empty_warehouse
from tests.support.events import an_id, browser, device, geo, location
from tests.support.fingerprint import fingerprint
from tests.support.front import Front
from tests.support.shelf import Content, Shelf
from tests.support.staging import Stage

pytestmark = pytest.mark.stack
HOUR = datetime(2026, 5, 1, 10, tzinfo=UTC)
NEXT = HOUR + timedelta(hours=1)
DAYS = ("2026-05-01 10:05:00", "2026-05-02 10:05:00", "2026-05-03 10:05:00")


@pytest.fixture
def stage(warehouse: ClickHouse) -> Stage:
    """Topics with several partitions: objects are spread over them."""
    return Stage(warehouse, partitions=3)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


OTHER = {
    (NEXT, "browser"): [browser("b1", click="v9", at=DAYS[0]), browser("b2", click="v9", at=DAYS[1])],
    (NEXT, "device"): [device("v9", user="u9")],
    (NEXT, "geo"): [geo("v9", geo_country="FR")],
    (NEXT, "location"): [location("b1"), location("b2", "/confirmation")],
}
# An event that goes, one that changes (also its day and its visit), one that stays; bytes that break the contract.
OLD: Content = {
    (HOUR, "browser"): [
        browser("gone", click="v1", at=DAYS[0]), browser("changed", click="v1", at=DAYS[0]),
        browser("kept", click="v2", at=DAYS[1]), b'{"broken": 1}',
    ],
    (HOUR, "device"): [device("v1", user="u1"), device("v2", user="u2"), b'{"broken": 2}'],
    (HOUR, "geo"): [geo("v1"), geo("v2")],
    (HOUR, "location"): [
        location("gone", "/confirmation"), location("changed", "/product_a"), location("kept", "/confirmation"),
    ],
    **OTHER,
}  # fmt: skip
NEW: Content = {
    (HOUR, "browser"): [
        browser("changed", click="v2", at=DAYS[2], browser_name="Chrome"), browser("kept", click="v2", at=DAYS[1]),
        browser("added", click="v3", at=DAYS[2]), b'{"broken": 3}',
    ],
    (HOUR, "device"): [device("v2", user="u2b"), device("v3", user="u1")],
    (HOUR, "geo"): [geo("v2", geo_country="AT"), geo("v3")],
    (HOUR, "location"): [location("changed", "/confirmation"), location("kept", "/home"), location("added", "/product_b")],
    **OTHER,
}  # fmt: skip


def one_event(event: str, at: str) -> Content:
    """An event with its parts, a line per object: the fewest statements."""
    lines = {"browser": browser(event, at=at), "device": device(), "geo": geo(), "location": location(event)}
    return {(HOUR, stream): [line] for stream, line in lines.items()}


def send(stage: Stage, shelf: Shelf, objects: Sequence[EventObject], database: ClickHouse | None = None) -> list[int]:
    """Send objects to their topics; the lines of each, -1 where it was skipped."""
    loader = Loader(stage.log, stage.ledger, database or stage.db, stage.clock)
    loads = [load_object(shelf, loader, each) for each in objects]
    return [-1 if load.skipped else load.sent for load in loads]


def _drain(stage: Stage, stream: str) -> None:
    Ingest(STREAMS[stream], stage.log, stage.ledger, stage.clock).drain(FlushLimits())


def _build(stage: Stage, database: ClickHouse | None = None) -> None:
    Build(database or stage.db, stage.clock, BuildLimits()).run()


def settle(stage: Stage) -> None:
    """Store and build everything, also what waits."""
    for stream in FACT_STREAMS:
        _drain(stage, stream)
    _build(stage)
    stage.clock.moment += timedelta(minutes=16)
    if stage.count("ops.waiting", "kind = 'event'"):
        _build(stage)
    for name in ("dim_users", "dim_geo"):
        update_dimension(name, stage.db)


def load(stage: Stage, shelf: Shelf, content: Content) -> None:
    shelf.fill(content)
    send(stage, shelf, shelf.objects())
    settle(stage)


def _asking(stage: Stage, database: ClickHouse | None = None) -> Reload:
    return Reload(database or stage.db, stage.clock, stage.log, lambda stream: _drain(stage, stream))


def _take_out(
    stage: Stage, shelf: Shelf, objects: Sequence[EventObject], database: ClickHouse | None = None
) -> TakenOut:
    db = database or stage.db
    requests = _asking(stage, db).ask(shelf, objects)
    PlanRunner(db, stage.clock).run(lambda _plan: propose_reload(db, stage.clock))
    return taken_out(db, requests)


def _reload(stage: Stage, shelf: Shelf, objects: Sequence[EventObject], database: ClickHouse | None = None) -> None:
    _take_out(stage, shelf, objects, database)
    send(stage, shelf, objects, database)


def content_of(stage: Stage) -> dict[str, object]:
    """What two warehouses are compared by: every table that is read, and what was refused."""
    dead = stage.db.query("SELECT raw, origin, reason FROM ops.dead_letters ORDER BY raw, origin")
    visits = stage.db.query("SELECT * EXCEPT (plan, first_seen_at) FROM ops.visits ORDER BY click_id, part")
    return {**fingerprint(stage.db), "dead": [dict(row) for row in dead], "visits": [dict(row) for row in visits]}


def assert_clean(stage: Stage) -> None:
    assert_sound(stage)
    assert_balanced(stage)
    for stream in STREAMS.values():
        reconcile(stream, stage.log, stage.db, stage.clock)
    results = run_checks(read_checks(asset("clickhouse/sql/quality"), CheckKind), "reload", stage.db, stage.clock)
    assert [(r.check.name, r.sample) for r in results if not r.passed] == []
    assert len(results) > 30


@pytest.fixture
def truth(front: Front, warehouse: ClickHouse) -> dict[str, object]:
    """The content of a warehouse that saw only the new objects; the warehouse is empty again afterwards."""
    stage = Stage(warehouse)
    load(stage, Shelf(), NEW)
    found = content_of(stage)
    empty_warehouse(front.owner_url)
    return found


def test_a_changed_object_loaded_anew_is_as_if_the_old_one_had_never_been(
    truth: dict[str, object], stage: Stage, shelf: Shelf
) -> None:
    load(stage, shelf, OLD)
    assert content_of(stage) != truth
    shelf.fill(NEW)
    objects = shelf.objects(HOUR)
    preview = _asking(stage).preview(shelf, objects)
    done = _take_out(stage, shelf, objects)
    places = {place: rows for place, rows in done.rows.items() if rows}
    assert preview.rows == places
    assert places["analytics.fact_events"] == 3
    assert places["ops.dead_letters"] == 2
    assert stage.count("analytics.fact_events") == 2, "those of the other hour"
    assert send(stage, shelf, objects) == [4, 2, 2, 3]
    settle(stage)
    assert content_of(stage) == truth
    assert_clean(stage)
    assert send(stage, shelf, shelf.objects()) == [-1] * 8
    assert stage.count("ops.loaded_objects") == 8, "one row per object: the old ones went with what they stand for"


def test_an_unchanged_object_loaded_anew_changes_nothing(stage: Stage, shelf: Shelf) -> None:
    load(stage, shelf, OLD)
    before = content_of(stage)
    _reload(stage, shelf, shelf.objects())
    assert stage.count("analytics.fact_events") == stage.count("ops.visits") == stage.count("ops.dead_letters") == 0
    settle(stage)
    assert content_of(stage) == before
    assert_clean(stage)


def test_an_event_of_two_objects_stays_with_the_first_or_goes_over_to_the_other(stage: Stage, shelf: Shelf) -> None:
    first, second = ({(hour, "browser"): [browser("shared", at=DAYS[0])]} for hour in (HOUR, NEXT))
    parts = {(HOUR, "device"): [device()], (HOUR, "geo"): [geo()], (HOUR, "location"): [location("shared")]}
    for content in ({**first, **parts}, second):
        load(stage, shelf, content)
    before = fingerprint(stage.db)
    (one,), (two,) = shelf.objects(HOUR, ["browser"]), shelf.objects(NEXT, ["browser"])
    assert _sources(stage) == [one.stored.key]
    _reload(stage, shelf, [two])
    settle(stage)
    assert fingerprint(stage.db) == before, "the fact is that of the first"
    shelf.fill({(HOUR, "browser"): [browser("other", at=DAYS[1])], (NEXT, "location"): [location("other")]})
    send(stage, shelf, shelf.objects(NEXT, ["location"]))
    _reload(stage, shelf, shelf.objects(HOUR, ["browser"]))
    assert _sources(stage) == [two.stored.key], "the first has it no more; the second had brought it too"
    settle(stage)
    assert _sources(stage) == [one.stored.key, two.stored.key]
    assert_clean(stage)


def test_what_waits_or_is_not_built_yet_goes_too_and_what_came_later_stays(stage: Stage, shelf: Shelf) -> None:
    load(stage, shelf, OTHER)
    shelf.fill({(HOUR, "browser"): [browser("waits", click="v9", at=DAYS[0])]})
    send(stage, shelf, shelf.objects())
    _drain(stage, "browser")
    _build(stage)
    assert stage.count("ops.waiting", "kind = 'event'") == 1
    later = HOUR + timedelta(hours=5)
    shelf.fill({(later, "browser"): [browser("staged", click="v9", at=DAYS[0])]})
    send(stage, shelf, shelf.objects())
    _drain(stage, "browser")
    for hour, event in ((HOUR, "new"), (later, "newer")):
        shelf.fill({(hour, "browser"): [browser(event, click="v9", at=DAYS[0])]})
    shelf.fill({(later, "location"): [location("new"), location("newer")]})
    changed = [*shelf.objects(HOUR), *shelf.objects(later)]
    _asking(stage).ask(shelf, changed)
    send(stage, shelf, changed)  # by somebody who does not wait until the old is out
    _drain(stage, "browser")
    settle(stage)
    ids = stage.db.query("SELECT toString(event_id) AS id FROM analytics.fact_events ORDER BY id")
    assert [row["id"] for row in ids] == sorted(map(an_id, ("b1", "b2", "new", "newer")))
    assert_clean(stage)


@pytest.mark.parametrize("stride", [pytest.param(60, id="some"), pytest.param(1, id="all", marks=pytest.mark.long)])
def test_a_reload_that_died_anywhere_is_finished_by_running_it_again(
    stage: Stage, front: Front, shelf: Shelf, stride: int
) -> None:
    contents = [one_event("e1", DAYS[0]), one_event("e2", DAYS[1])]
    truths = []
    for content in contents:
        shelf.fill(content)
        _reload(stage, shelf, shelf.objects(HOUR))
        settle(stage)
        truths.append(content_of(stage))
    assert truths[0] != truths[1]
    for turn, statement in enumerate(range(5, 300, stride)):
        shelf.fill(contents[turn % 2])
        try:
            _reload(stage, shelf, shelf.objects(HOUR), dying(front.writer_url, statement))
        except Killed:
            _reload(stage, shelf, shelf.objects(HOUR))
        else:
            break
        settle(stage)
        assert content_of(stage) == truths[turn % 2], f"died before statement {statement}"
    assert statement > 60
    assert_clean(stage)


def test_a_builder_carries_out_what_was_asked_for_and_two_at_once_do_it_once(
    stage: Stage, front: Front, shelf: Shelf
) -> None:
    load(stage, shelf, one_event("e1", DAYS[0]))
    before = content_of(stage)
    _asking(stage).ask(shelf, shelf.objects(HOUR))
    databases = [ClickHouse(front.writer_url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda database: _build(stage, database), databases))
    for database in databases:
        database.close()
    assert stage.count("ops.plans", "kind = 'reload'") == 1
    assert stage.count("analytics.fact_events") == 0
    send(stage, shelf, shelf.objects())
    settle(stage)
    assert content_of(stage) == before
    assert_clean(stage)


@pytest.mark.long
@pytest.mark.parametrize("statement", [6, 20, 40, 60, 70])
def test_a_worker_that_slept_through_the_reload_changes_nothing(
    stage: Stage, front: Front, shelf: Shelf, statement: int
) -> None:
    load(stage, shelf, OLD)
    shelf.fill(NEW)
    objects = shelf.objects(HOUR)

    def others() -> None:
        _reload(stage, shelf, objects)
        settle(stage)
        seen.append(content_of(stage))

    seen: list[dict[str, object]] = []
    with contextlib.suppress(HeadwaterError):
        _take_out(stage, shelf, objects, paused(front.writer_url, statement, others))
    assert len(seen) == 1, "it ended before it slept"
    assert content_of(stage) == seen[0]
    assert_clean(stage)


def _sources(stage: Stage) -> list[str]:
    rows = stage.db.query("SELECT DISTINCT source_object AS name FROM analytics.fact_events ORDER BY name")
    return [row["name"].removeprefix("s3://events/") for row in rows]
