"""The book of replays in the real engine: selections, plans and the three policies, with topics in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import Field

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.replays import ClickHouseReplays
from headwater.app import replay as replay_module
from headwater.app.ingest import Ingest
from headwater.app.replay import Replay, ReplayFailed
from headwater.contracts.events import BrowserEvent
from headwater.contracts.streams import STREAMS, Stream
from headwater.contracts.types import Label
from headwater.core.parse_sql import create_chain, drop_chain
from headwater.core.replay import Outcome, ReplayPlan, SecondFailure, Selection, decide_items
from headwater.errors import FixSettings
from headwater.ports import FlushLimits
from tests.support.events import browser, device, geo
from tests.support.front import Front
from tests.support.staging import START, Stage

pytestmark = pytest.mark.stack

ALL = Selection()


@pytest.fixture
def stage(warehouse: ClickHouse) -> Stage:
    """Topics with several partitions: what is sent again spreads over them."""
    return Stage(warehouse, partitions=3)


def _replay(stage: Stage) -> Replay:
    return Replay(stage.log, ClickHouseReplays(stage.db), stage.clock, lambda stream: _drain(stage, stream))


def _drain(stage: Stage, stream: str) -> None:
    Ingest(STREAMS[stream], stage.log, stage.ledger, stage.clock).drain(FlushLimits())


class LooseBrowserEvent(BrowserEvent):
    """A contract that was mended: an event needs no type."""

    event_type: Label = Field("", description="What happened.", examples=["pageview"])


def _loosen(front: Front) -> None:
    """Make the chain of the mended contract."""
    loose = Stream("browser", LooseBrowserEvent, key_field="click_id")
    owner = ClickHouse(front.owner_url)
    owner.statements([*drop_chain(loose), *create_chain(loose)])
    owner.close()


def _rows(stage: Stage, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in stage.db.query(sql)]


def test_events_of_a_mended_contract_come_back_exactly_once(stage: Stage, front: Front) -> None:
    good, bad = browser("e1", at=f"{START:%Y-%m-%d %H:%M:%S}"), browser("e2", at=f"{START:%Y-%m-%d %H:%M:%S}")
    bad = bad.replace(b'"pageview"', b'""')
    stage.send("browser", good, bad, bad.replace(b"Firefox", b"Opera"), origin="a.jsonl")
    assert (stage.count("analytics.events_browser_raw"), stage.count("ops.dead_letters")) == (1, 2)
    position = _rows(stage, "SELECT topic, epoch, partition, offset FROM ops.dead_letters ORDER BY offset")[0]

    _loosen(front)
    for sent in (2, 0):
        assert _replay(stage).run(ALL).sent == sent
        _drain(stage, "browser")
        assert stage.count("analytics.events_browser_raw") == 3
        assert stage.count("ops.dead_letters") == 2
    origins = _rows(stage, "SELECT origin FROM analytics.events_browser_raw WHERE event_type = '' ORDER BY offset")
    assert origins[0] == ("replay of {}/{}/{}/{}".format(*position),)
    assert stage.build(grace_s=0).facts == 2, "two events: the third message repeats an id"


def test_what_fails_again_is_a_new_dead_letter_that_only_a_wish_replays(stage: Stage) -> None:
    stage.send("browser", b"no json")
    for expected in (1, 0):
        assert _replay(stage).run(ALL).sent == expected
        _drain(stage, "browser")
        assert stage.count("ops.dead_letters") == 2
    assert stage.count("ops.dead_letters", "startsWith(origin, 'replay of browser_events/')") == 1
    again = replace(ALL, failed_again=True)
    assert [row["waiting"] for row in _replay(stage).count(again)] == [1]
    assert _replay(stage).run(again).sent == 1


def test_stop_ends_at_the_first_that_fails_again_and_says_why(stage: Stage, front: Front) -> None:
    typeless = browser("e1", at=f"{START:%Y-%m-%d %H:%M:%S}").replace(b'"pageview"', b'""')
    stage.send("browser", *[typeless] * 3, b"no json", *[typeless] * 20)
    _loosen(front)
    with pytest.raises(ReplayFailed, match=r"1 of 11 replayed .*\n.*invalid_json") as caught:
        _replay(stage).run(ALL, SecondFailure.STOP)
    assert [failure.origin[-2:] for failure in caught.value.failures] == ["/3"]
    assert stage.count("analytics.events_browser_raw") == 10
    assert _replay(stage).run(ALL, SecondFailure.STOP).sent == 13
    assert stage.count("analytics.events_browser_raw") == 23


def test_drop_does_not_send_what_the_contract_refuses_and_books_why(stage: Stage) -> None:
    soon = START + timedelta(days=2)
    stage.send("browser", b"no json", browser("e1", at=f"{soon:%Y-%m-%d %H:%M:%S}"))
    assert stage.count("ops.dead_letters") == 2
    stage.clock.moment = soon
    done = _replay(stage).run(ALL, SecondFailure.DROP)
    assert (done.sent, done.not_sent) == (1, 1)
    dropped = _rows(stage, "SELECT reason, outcome, detail FROM ops.replays WHERE outcome != 'send'")
    assert dropped == [("invalid_json", "hopeless", "invalid_json: not one JSON value in UTF-8")]
    assert _rows(stage, "SELECT sent, not_sent, gone FROM ops.replays_done") == [(1, 1, 0)]
    _drain(stage, "browser")
    assert stage.count("analytics.events_browser_raw") == 1
    assert _replay(stage).run(ALL).sent == 0, "dropped is dropped"


def test_a_selection_takes_what_it_names_and_nothing_else(stage: Stage) -> None:
    stage.send("browser", b"no json", browser("e1", click_id=7), origin="a.jsonl")
    stage.send("device", b"[]", device(user_domain_id=None))
    stage.clock.moment = START + timedelta(hours=1)
    stage.send("geo", geo(geo_latitude=""), geo(geo_latitude="91"))
    offset = _rows(stage, "SELECT partition, offset FROM ops.dead_letters WHERE stream = 'device' ORDER BY offset")[1]
    epoch = stage.log.epoch("device_events")
    for selection, expected in {
        ALL: 5,
        Selection(streams=("device", "geo")): 3,
        Selection(reasons=("wrong_type", "out_of_range")): 2,
        Selection(fields=("user_domain_id",)): 1,
        Selection(since=START + timedelta(minutes=1)): 1,
        Selection(until=START + timedelta(minutes=1)): 4,
        Selection(ids=("device_events/{}/{}".format(*offset),)): 1,
        Selection(ids=(f"device_events/{epoch}/{offset[0]}/{offset[1]}",)): 1,
        Selection(origins=("a.jsonl",)): 2,
        Selection(origins=("a.jsonl:2",)): 1,
        Selection(streams=("geo",), reasons=("invalid_json",)): 0,
    }.items():
        assert sum(row["waiting"] for row in _replay(stage).count(selection)) == expected, selection
        found = ClickHouseReplays(stage.db).candidates(selection, stage.clock.now(), 100, 10**6)
        assert len(found) == expected, selection
    with pytest.raises(FixSettings, match="topic/partition/offset"):
        Selection(ids=("browser_events",))


def test_raw_bytes_come_back_as_they_were_in_plans_bounded_by_rows_and_bytes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    raws = [b"\xff\x00\xfe", b"", *[b"x" * 100] * 3, b"y" * 500]
    stage.send("geo", *raws)
    monkeypatch.setattr(replay_module, "PLAN_BYTES", 250)
    assert _replay(stage).run(ALL).plans == 3
    sent = [m.raw for p in range(3) for m in stage.log.read_range("geo_events", p, 0, 10**6).messages() if m.origin]
    assert sorted(sent) == sorted(raws)


def test_the_first_plan_of_a_number_stands_and_all_carry_it_out(stage: Stage) -> None:
    stage.send("browser", b"1x", b"2x", b"3x")
    book = ClickHouseReplays(stage.db)
    letters = book.candidates(ALL, stage.clock.now(), 10, 10**6)
    items = decide_items(letters, SecondFailure.DEAD_LETTER, stage.clock.now())
    first = ReplayPlan(1, uuid4(), SecondFailure.DEAD_LETTER, items[:2])
    second = ReplayPlan(1, uuid4(), SecondFailure.DROP, items)
    assert book.reserve(first, stage.clock.now(), "a") == first
    assert book.reserve(second, stage.clock.now(), "b") == first
    assert book.last() == (1, False)
    assert len(book.candidates(ALL, stage.clock.now(), 10, 10**6)) == 1
    done = _replay(stage).run(ALL)
    assert (done.plans, done.sent) == (2, 3), "the plan that was left is carried out, then the rest"
    assert book.last() == (2, True)


def test_a_dead_letter_that_is_no_longer_kept_is_counted_as_gone(stage: Stage, front: Front) -> None:
    stage.send("browser", b"1x", b"2x")
    book = ClickHouseReplays(stage.db)
    letters = book.candidates(ALL, stage.clock.now(), 10, 10**6)
    items = decide_items(letters, SecondFailure.DEAD_LETTER, stage.clock.now())
    book.reserve(ReplayPlan(1, uuid4(), SecondFailure.DEAD_LETTER, items), stage.clock.now(), "a")
    owner = ClickHouse(front.owner_url)
    owner.execute("ALTER TABLE ops.dead_letters DELETE WHERE raw = '1x' SETTINGS mutations_sync = 1")
    owner.close()
    done = _replay(stage).run(ALL)
    assert (done.sent, done.gone) == (1, 1)


def test_what_kafka_would_not_take_is_left_out(stage: Stage) -> None:
    stage.send("browser", b"x" * 1_950_000, b"x" * 1_200_000)
    done = _replay(stage).run(ALL)
    assert (done.sent, done.not_sent) == (1, 1)
    assert _rows(stage, "SELECT DISTINCT outcome FROM ops.replays ORDER BY 1") == [("send",), ("too_large",)]
    assert Outcome.TOO_LARGE.value == "too_large"
