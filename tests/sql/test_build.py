"""Facts once: golden cases of the build on the real engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.build import Build, BuildLimits
from headwater.contracts.streams import FACT_STREAMS, STREAMS
from tests.sql.test_corrections import assert_sound
from tests.support.emptied import empty_warehouse
from tests.support.events import an_id, browser, device, geo, location
from tests.support.fingerprint import fingerprint
from tests.support.staging import Stage

pytestmark = pytest.mark.stack


def _one_event(stage: Stage, event: str = "e1") -> None:
    stage.send("browser", browser(event))
    stage.send("device", device())
    stage.send("geo", geo())
    stage.send("location", location(event))


def _states(stage: Stage) -> tuple[int, int, int, int]:
    """Events by the facts, both aggregates and the users."""
    row = stage.db.query(
        "SELECT (SELECT count() FROM analytics.fact_events) AS facts, "
        "(SELECT countMerge(total_events) FROM analytics.agg_events_hourly) AS hourly, "
        "(SELECT countMerge(total_events) FROM analytics.agg_traffic_sources) AS traffic, "
        "(SELECT sum(total_events) FROM analytics.dim_users) AS users"
    )[0]
    return row["facts"], row["hourly"], row["traffic"], row["users"]


def test_an_event_counts_once_though_its_visit_repeats_device_and_geo(stage: Stage) -> None:
    stage.send("browser", browser("e1"), browser("e2"))
    stage.send("device", *[device()] * 50)
    stage.send("geo", *[geo()] * 50)
    stage.send("location", location("e1"), location("e2"))
    built = stage.build()
    assert built.facts == 2
    assert _states(stage) == (2, 2, 2, 2)


def test_a_fact_holds_the_columns_of_all_four_parts(stage: Stage) -> None:
    stage.send("browser", browser("e1", at="2026-05-01 10:00:00.25"), origin="browser_events.jsonl")
    stage.send("device", device())
    stage.send("geo", geo())
    stage.send("location", location("e1", "/confirmation"))
    stage.build()
    fact = stage.db.query("SELECT * FROM analytics.fact_events")[0]
    expected = {
        "event_type": "pageview", "browser_name": "Firefox", "os_name": "Linux", "device_is_mobile": False,
        "user_custom_id": "u1@example.com", "geo_latitude": 52.52, "geo_country": "DE", "ip_address": "192.0.2.7",
        "page_url_path": "/confirmation", "utm_source": "google", "is_complete": True, "build": 1,
        "source_object": "browser_events.jsonl",
    }  # fmt: skip
    assert {name: fact[name] for name in expected} == expected
    assert str(fact["event_id"]) == an_id("e1")
    assert fact["event_timestamp"].microsecond == 250_000


def test_redelivered_events_are_equal_repeats(stage: Stage) -> None:
    for _ in range(3):
        _one_event(stage)
        built = stage.build()
    assert (built.plans[0].facts, built.plans[0].repeats) == (0, 1)
    assert _states(stage) == (1, 1, 1, 1)


def test_an_event_waits_for_its_parts_and_is_built_when_they_come(stage: Stage) -> None:
    stage.send("browser", browser("e1"))
    stage.send("device", device())
    first = stage.build()
    assert (first.plans[0].facts, first.plans[0].waiting) == (0, 1)
    stage.send("geo", geo())
    stage.send("location", location("e1"))
    second = stage.build()
    assert (second.plans[0].was_waiting, second.plans[0].facts, second.plans[0].waiting) == (1, 1, 0)
    assert stage.count("analytics.fact_events", "is_complete") == 1


def test_parts_that_come_before_their_event_wait_for_it(stage: Stage) -> None:
    stage.send("location", location("e1"))
    stage.send("device", device())
    stage.send("geo", geo())
    stage.build()
    stage.send("browser", browser("e1"))
    built = stage.build()
    assert (built.plans[0].facts, built.plans[0].waiting_parts) == (1, 0)
    assert stage.count("analytics.fact_events", "is_complete AND page_url_path = '/home'") == 1


def test_a_waiting_event_keeps_its_location_while_it_waits_for_the_rest(stage: Stage) -> None:
    stage.send("browser", browser("e1"), browser("e1"))
    stage.send("location", location("e1"))
    stage.build()
    stage.send("device", device())
    stage.send("geo", geo())
    stage.build()
    assert stage.count("analytics.fact_events", "is_complete AND page_url_path = '/home'") == 1


def test_an_event_is_built_incomplete_when_its_grace_is_over(stage: Stage) -> None:
    stage.send("browser", browser("e1"))
    stage.build()
    stage.clock.moment += timedelta(minutes=16)
    built = stage.build()
    assert (built.plans[0].facts, built.plans[0].incomplete) == (1, 1)
    fact = stage.db.query("SELECT user_domain_id, geo_id, page_url_path, is_complete FROM analytics.fact_events")[0]
    assert dict(fact) == {"user_domain_id": None, "geo_id": None, "page_url_path": "", "is_complete": False}
    assert stage.count("analytics.dim_users") == stage.count("analytics.dim_geo") == 0


@pytest.mark.parametrize("together", [True, False])
def test_the_same_id_with_other_content_goes_to_quarantine(stage: Stage, together: bool) -> None:
    _one_event(stage)
    if not together:
        stage.build()
    stage.send("browser", browser("e1", browser_name="Chrome"), browser("e1"))
    done = stage.build().plans[-1]
    assert (done.conflicts, done.repeats) == (1, 1)
    assert stage.count("analytics.fact_events", "browser_name = 'Firefox'") == stage.count("analytics.fact_events") == 1
    assert stage.count("ops.quarantine", "reason = 'conflicting_duplicate' AND browser_name = 'Chrome'") == 1


def test_the_first_device_of_a_click_id_stands(stage: Stage) -> None:
    _one_event(stage)
    stage.build()
    stage.send("device", device(user="u2"))
    stage.send("browser", browser("e2"))
    stage.send("location", location("e2"))
    stage.build()
    users = stage.db.query("SELECT DISTINCT user_custom_id FROM analytics.fact_events")
    assert [row["user_custom_id"] for row in users] == ["u1@example.com"]


def test_events_of_many_days_are_built_in_slices(stage: Stage) -> None:
    days = [(stage.clock.moment - timedelta(days=n)).strftime("%Y-%m-%d 08:00:00") for n in range(130)]
    stage.send("browser", *[browser(f"e{n}", at=at) for n, at in enumerate(days)])
    stage.send("location", *[location(f"e{n}") for n in range(130)])
    stage.send("device", device())
    stage.send("geo", geo())
    assert stage.build().facts == 130
    assert _states(stage) == (130, 130, 130, 130)


def test_a_backlog_is_built_in_several_plans(stage: Stage) -> None:
    for start in range(0, 40, 10):
        numbers = range(start, start + 10)
        stage.send("browser", *[browser(f"e{n}") for n in numbers])
        stage.send("location", *[location(f"e{n}") for n in numbers])
    stage.send("device", device())
    stage.send("geo", geo())
    built = stage.build(rows_per_topic=15)
    assert [plan.facts for plan in built.plans] == [10, 10, 10, 10]


@pytest.mark.long
def test_whatever_the_order_partitions_builds_and_repeats_the_content_is_the_same(
    warehouse: ClickHouse, front: Any
) -> None:
    seed = 20261129
    print(f"seed {seed}")
    chance = Random(seed)
    clicks = [f"c{n}" for n in range(6)]
    events = [(f"e{n}", chance.choice(clicks), f"2026-05-0{chance.randrange(1, 4)} 23:59:{n:02}") for n in range(24)]
    messages = [("browser", browser(name, click=click, at=at)) for name, click, at in events]
    messages += [("location", location(name, chance.choice(["/home", "/confirmation"]))) for name, _, _ in events]
    messages += [("device", device(click, user=f"u{click}")) for click in clicks]
    messages += [("geo", geo(click)) for click in clicks]

    def content(lots: Sequence[Sequence[tuple[str, bytes]]], graces: Sequence[int]) -> dict[str, tuple[int, int]]:
        empty_warehouse(front.owner_url)
        stage = Stage(warehouse, partitions=3)
        for lot, grace_s in zip(lots, graces, strict=True):
            for stream, message in lot:
                stage.log.send(STREAMS[stream].topic, bytes([chance.randrange(3)]), message)
            for stream in FACT_STREAMS:
                stage.send(stream)
            stage.build(grace_s)
            stage.clock.moment += timedelta(minutes=chance.choice([1, 20]))
        stage.clock.moment += timedelta(hours=2)
        stage.build()
        assert stage.count("analytics.fact_events", "is_complete") == len(events)
        assert_sound(stage)
        return fingerprint(stage.db)

    delivered = messages + chance.choices(messages, k=40)
    chance.shuffle(delivered)
    assert content([delivered[n::5] for n in range(5)], [900, 0, 900, 0, 900]) == content([messages], [900])


class _Killed(Exception):
    """Stands for the death of the process."""


class _Dying(ClickHouse):
    """Dies after its n-th statement."""

    def __init__(self, url: str, statements: int) -> None:
        super().__init__(url)
        self.left = statements

    def execute(self, sql: str, token: str | None = None, parameters: Mapping[str, object] | None = None) -> int:
        self.left -= 1
        result = super().execute(sql, token, parameters)
        if self.left == 0:
            raise _Killed
        return result


def test_a_build_that_died_after_any_statement_is_finished_by_the_next(stage: Stage, front: Any) -> None:
    deaths = 0
    for statement in range(1, 12):
        event = f"e{statement}"
        stage.send("browser", browser(event), browser(f"waits{statement}", click="unknown"))
        stage.send("location", location(event))
        stage.send("device", device())
        stage.send("geo", geo())
        try:
            stage.build(database=_Dying(front.writer_url, statement))
        except _Killed:
            deaths += 1
        stage.build()
    assert deaths >= 8
    assert _states(stage) == (11, 11, 11, 11)
    last = stage.db.query(
        "SELECT taken + was_waiting = facts + repeats + conflicts + waiting AS ok FROM ops.plans_done"
    )
    assert all(row["ok"] for row in last)
    assert stage.count("ops.waiting", "kind = 'event' AND plan = (SELECT max(plan) FROM ops.plans_done)") == 11


@pytest.mark.parametrize(
    "step",
    ["known_visits", "visits_device", "match", "facts", "waiting", "finish"],
    ids=lambda step: f"after_{step}",
)
def test_rows_that_a_crash_took_after_their_token_was_logged_are_written_again(
    stage: Stage, front: Any, step: str
) -> None:
    table = {
        "known_visits": "ops.known_visits", "visits_device": "ops.visits", "match": "ops.matched",
        "facts": "analytics.fact_events", "waiting": "ops.waiting", "finish": "ops.plans_done",
    }[step]  # fmt: skip

    class Torn(ClickHouse):
        torn = False

        def run(self, name: str, /, token: str | None = None, **parameters: object) -> int:
            written = super().run(name, token, **parameters)
            if name == f"build/{step}" and not self.torn:
                self.torn = True
                super().execute(f"ALTER TABLE {table} DELETE WHERE 1 SETTINGS mutations_sync = 2")
            return written

    _one_event(stage)
    stage.send("browser", browser("waits", click="unknown"))
    torn = Torn(front.writer_url)
    stage.build(database=torn)
    assert torn.torn
    assert stage.count("analytics.fact_events", "is_complete") == 1
    assert stage.count("ops.waiting", "kind = 'event'") == 1
    assert stage.count("ops.plans_done") == 1


def test_visits_of_earlier_plans_that_a_crash_took_from_the_sheet_are_found_again(stage: Stage, front: Any) -> None:
    """Else they would be taken for new ones, and stand twice."""

    class Torn(ClickHouse):
        torn = 0

        def run(self, name: str, /, token: str | None = None, **parameters: object) -> int:
            written = super().run(name, token, **parameters)
            if name == "build/known_visits" and not self.torn:
                self.torn = stage.count("ops.known_visits", "NOT is_end")
                super().execute("ALTER TABLE ops.known_visits DELETE WHERE NOT is_end SETTINGS mutations_sync = 2")
            return written

    _one_event(stage)
    stage.build()
    stage.send("browser", browser("e2"))
    stage.send("location", location("e2"))
    stage.send("device", device())
    stage.send("geo", geo())
    torn = Torn(front.writer_url)
    stage.build(database=torn)
    assert torn.torn == 2
    assert stage.count("ops.visits") == 2
    assert stage.count("analytics.fact_events", "is_complete") == 2


def test_a_build_reads_little_of_the_visits_of_old(stage: Stage, front: Any) -> None:
    """Four bytes of each, once, whatever it builds."""

    def read_by_build(name: str) -> int:
        events = [f"{name}{number}" for number in range(200)]
        stage.send("browser", *[browser(event, click=event) for event in events])
        stage.send("location", *[location(event) for event in events])
        before = _selected_bytes(front)
        stage.build()
        return _selected_bytes(front) - before

    rows = 400_000
    _one_event(stage)
    stage.build()
    few = read_by_build("a")
    stage.db.execute(
        "INSERT INTO ops.visits (click_id, part, os, plan) SELECT reinterpretAsUUID(sipHash128(number)), 'device', 'iOS', 0 "
        f"FROM numbers({rows})"
    )
    assert read_by_build("b") - few < 6 * rows


def test_two_builds_at_once_count_everything_once(stage: Stage, front: Any) -> None:
    for round_ in range(4):
        numbers = range(round_ * 50, round_ * 50 + 50)
        stage.send("browser", *[browser(f"e{n}") for n in numbers])
        stage.send("location", *[location(f"e{n}") for n in numbers])
        stage.send("device", device())
        stage.send("geo", geo())
        with ThreadPoolExecutor(3) as pool:
            builds = [
                pool.submit(Build(ClickHouse(front.writer_url), stage.clock, BuildLimits(rows_per_topic=20)).run)
                for _ in range(3)
            ]
        for build in builds:
            build.result()
    stage.build()
    assert _states(stage) == (200, 200, 200, 200)


@pytest.mark.parametrize("step", ["known_visits", "visits_device", "match"], ids=lambda step: f"before_{step}")
def test_a_builder_that_was_overtaken_writes_nothing(stage: Stage, front: Any, step: str) -> None:
    """It is paused before the step while another finishes the plan and two more, whose sheets are then dropped."""

    class Paused(ClickHouse):
        paused = False

        def run(self, name: str, /, token: str | None = None, **parameters: object) -> int:
            if name == f"build/{step}" and not self.paused:
                self.paused = True
                stage.build()
                for more in ("e2", "e3", "e4"):
                    stage.send("browser", browser(more))
                    stage.send("location", location(more))
                    stage.build()
            return super().run(name, token, **parameters)

    _one_event(stage)
    stage.build(database=Paused(front.writer_url))
    assert _states(stage) == (4, 4, 4, 4)


def _selected_bytes(front: Any) -> int:
    """What all statements so far have read; merges read too, whenever they like, and do not count."""
    owner = ClickHouse(front.owner_url)
    owner.execute("SYSTEM FLUSH LOGS")
    (row,) = owner.query("SELECT sum(ProfileEvents['SelectedBytes']) AS bytes FROM system.query_log")
    return int(row["bytes"])
