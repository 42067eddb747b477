"""The checks of volume and of builds that stand still follow the rhythm of the source, and raise no false alarm."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from headwater.core.checks import CheckKind
from tests.support.events import browser
from tests.support.staging import Stage

pytestmark = pytest.mark.stack

USUAL = dict.fromkeys(range(1, 8), 200)
# Events per day back in the last whole hours, minutes until they were built, days that the platform runs; is it told?
HOURS: Mapping[str, tuple[Mapping[int, int], int, int, bool]] = {
    "as usual": ({0: 150, **USUAL}, 20, 30, False),
    "far fewer": ({0: 20, **USUAL}, 20, 30, True),
    "none": (USUAL, 20, 30, True),
    "far more": ({0: 700, **USUAL}, 20, 30, True),
    "fewer, and so on another day": ({0: 20, **USUAL, 3: 0}, 20, 30, True),
    "fewer, as a week ago": ({0: 20, **USUAL, 7: 25}, 20, 30, False),
    "idle nights": ({0: 0, **dict.fromkeys(range(1, 8), 12)}, 20, 30, False),
    "idle now and then": ({0: 0, **USUAL, 2: 0, 5: 0}, 20, 30, False),
    "more, as on other days": ({0: 700, **USUAL, 2: 600, 3: 500}, 20, 30, False),
    "a new platform": ({0: 20, **USUAL}, 20, 6, False),
    "a week that was loaded at once": ({0: 20, **USUAL}, 60 * 24 * 30, 30, False),
}


def _found(
    stage: Stage, name: str, kind: CheckKind = CheckKind.VOLUME, as_of: datetime | None = None
) -> list[Mapping[str, object]]:
    return [dict(row) for row in stage.db.rows(f"quality/{kind.value}/{name}", as_of=as_of or stage.clock.now())]


def test_hours_are_compared_with_the_same_hours_as_they_looked_then(stage: Stage) -> None:
    """Each case has two hours of the day to itself, so that one insert serves all."""
    times = {case: stage.clock.now() - timedelta(hours=2 * place) for place, case in enumerate(HOURS)}
    rows = []
    for case, (events, minutes, _, _) in HOURS.items():
        hour = times[case].replace(minute=0, second=0, microsecond=0) - timedelta(minutes=90)
        for day, count in events.items():
            at = hour - timedelta(days=day)
            built_at = min(at + timedelta(minutes=minutes), times[case])
            rows += [(f"{at:%F %T}", f"{built_at:%F %T}", count)] if count else []
    stage.db.statements(
        [
            f"""INSERT INTO analytics.fact_events (event_id, event_timestamp, created_at, click_id)
            SELECT generateUUIDv4(number), r.1, r.2, generateUUIDv4()
            FROM (SELECT r, arrayJoin(range(toUInt32(r.3))) AS number FROM (SELECT arrayJoin({rows}) AS r))"""
        ]
    )
    told = {}
    for case, (_, _, age, _) in HOURS.items():
        began_at = f"{times[case] - timedelta(days=age):%F %T}"
        stage.db.statements(
            ["TRUNCATE TABLE ops.plans", f"INSERT INTO ops.plans (plan, as_of) VALUES (1, '{began_at}')"]
        )
        told[case] = bool(_found(stage, "hours_hold_the_usual_events", as_of=times[case]))
    assert told == {case: is_told for case, (*_, is_told) in HOURS.items()}


DAY = range(1, 27)
LIVE = dict.fromkeys(DAY, 100)
# By topic: messages so many hours ago; which topics are told?
STREAMS: Mapping[str, tuple[Mapping[str, Mapping[int, int]], list[str]]] = {
    "all go on": ({"a": LIVE, "b": LIVE, "c": LIVE}, []),
    "one has stopped": ({"a": LIVE, "b": LIVE, "c": {**LIVE, 1: 0, 2: 0}}, ["c"]),
    "one trickles": ({"a": LIVE, "b": LIVE, "c": {**LIVE, 1: 3, 2: 3}}, ["c"]),
    "one has just stopped": ({"a": LIVE, "b": LIVE, "c": {**LIVE, 1: 0}}, []),
    "all have stopped": ({topic: {**LIVE, 1: 0, 2: 0} for topic in "abc"}, []),
    "one is rare": ({"a": LIVE, "b": LIVE, "c": {**dict.fromkeys(DAY, 5), 1: 0, 2: 0}}, []),
    "one comes a few times a day": ({"a": LIVE, "b": LIVE, "c": dict.fromkeys((9, 10, 25, 26), 100)}, []),
    "one was loaded once": ({"a": LIVE, "b": LIVE, "c": {9: 100_000}}, []),
    "loaded one after the other": ({"a": {1: 5000}, "b": {2: 5000}, "c": {3: 5000}}, []),
    "an old load of one stream by night": (
        {"a": {**LIVE, 1: 90_000, 2: 90_000}, "b": {**LIVE, 1: 2, 2: 2}, "c": {**LIVE, 1: 2, 2: 2}}, [],
    ),
    "an old load of all but one by a usual night": (
        {"a": {**LIVE, 1: 90_000, 2: 90_000}, "b": {**LIVE, 1: 90_000}, "c": {**LIVE, 1: 0, 2: 0, 25: 0, 26: 1}}, [],
    ),
}  # fmt: skip


def test_a_stream_that_stops_is_told_only_while_the_others_go_on(stage: Stage) -> None:
    until = stage.clock.now().replace(minute=0, second=0, microsecond=0)
    told = {}
    for case, (topics, _) in STREAMS.items():
        stage.db.statements(["TRUNCATE TABLE ops.claims", "TRUNCATE TABLE ops.stored"])
        rows = [
            (topic, f"{until - timedelta(hours=ago) + timedelta(minutes=10):%F %T}", ago, count)
            for topic, hours in topics.items()
            for ago, count in hours.items()
            if count
        ]
        of_rows = f"FROM (SELECT arrayJoin({rows}) AS r)"
        claim = "reinterpretAsUUID(sipHash128(r.1, r.3)) AS claim"
        stage.db.statements(
            [
                f"INSERT INTO ops.claims (topic, claim_id, ingested_at) SELECT r.1, {claim}, r.2 {of_rows}",
                f"INSERT INTO ops.stored (topic, claim_id, staged, stored_at) SELECT r.1, {claim}, r.4, r.2 {of_rows}",
            ]
        )
        told[case] = sorted(str(row["topic"]) for row in _found(stage, "streams_come_together"))
    assert told == {case: expected for case, (_, expected) in STREAMS.items()}


def test_a_backlog_that_builds_work_off_is_no_alarm_and_what_they_leave_behind_is(stage: Stage) -> None:
    def late() -> list[Mapping[str, object]]:
        return _found(stage, "staged_events_are_built", CheckKind.FRESHNESS)

    stage.send("browser", *[browser(f"early {n}") for n in range(3)])
    stage.build(grace_s=0)
    stage.clock.moment += timedelta(hours=2)
    stage.send("browser", *[browser(f"late {n}") for n in range(3)])
    stage.send("aggregation_clicks", b'{"product_id": 1, "count": 2, "timestamp": 1785000000}')
    stage.clock.moment += timedelta(minutes=50)
    assert late() == [], "nothing waits for an hour"
    stage.clock.moment += timedelta(minutes=20)
    assert [row["topic"] for row in late()] == ["browser_events"]
    done = f"SELECT max(plan) + 1, generateUUIDv4(), '{stage.clock.now():%F %T}' FROM ops.plans_done"
    stage.db.statements([f"INSERT INTO ops.plans_done (plan, plan_id, done_at) {done}"])
    assert late() == [], "a plan was finished just now"
    stage.clock.moment += timedelta(hours=7)
    stage.send("browser", browser("later"))
    stage.build(grace_s=0)
    assert late() == [], "all is taken"
    claim = "SELECT topic, epoch, 7, 0, 9, generateUUIDv4(), ingested_at - INTERVAL 7 HOUR FROM ops.claims"
    stage.db.statements(
        [
            f"""INSERT INTO ops.claims (topic, epoch, partition, from_offset, to_offset, claim_id, ingested_at)
            {claim} WHERE topic = 'browser_events' ORDER BY ingested_at DESC LIMIT 1"""
        ]
    )
    assert [row["partition"] for row in late()] == [7], "builds go on without it"
