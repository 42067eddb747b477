"""Trace: what is known of an event, wherever it ended."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from headwater.adapters.replays import ClickHouseReplays
from headwater.app.ingest import Ingest
from headwater.app.replay import Replay
from headwater.app.trace import Trace, Traced, as_lines, where_it_looked
from headwater.contracts.streams import STREAMS
from headwater.core.replay import SecondFailure, Selection
from headwater.ports import FlushLimits
from tests.support.events import an_id, browser, device, geo, location
from tests.support.front import Front
from tests.support.shell import Shell
from tests.support.staging import START, Stage

pytestmark = pytest.mark.stack


def _of(stage: Stage, name: str, *, personal: bool = False) -> Traced:
    return Trace(stage.db, stage.clock, personal=personal).event(UUID(an_id(name)))


def _what(traced: Traced) -> list[str]:
    return [step.what for step in traced.steps]


def _facts(traced: Traced, what: str) -> dict[str, object]:
    return next(dict(step.facts) for step in traced.steps if step.what == what)


def _complete(stage: Stage) -> None:
    stage.send("browser", browser("e0"), browser("e1"), origin="browser_events.jsonl")
    stage.send("device", device())
    stage.send("geo", geo())
    stage.send("location", location("e0"), location("e1"))
    stage.build()


def test_an_event_is_followed_from_its_line_to_the_rows_it_counts_in(stage: Stage) -> None:
    _complete(stage)
    traced = _of(stage, "e1")
    assert _what(traced) == [
        "staged", "claim", "build", "staged", "claim", "build", "fact", "counts in agg_events_hourly",
        "counts in agg_traffic_sources", "device part that counts", "geo part that counts", "device message", "geo message",
    ]  # fmt: skip
    staged = _facts(traced, "staged")
    assert (staged["topic"], staged["offset"], staged["origin"], staged["origin_line"]) == (
        "browser_events", 1, "browser_events.jsonl", 2,
    )  # fmt: skip
    assert _facts(traced, "build")["plan"] == _facts(traced, "fact")["build"] == 1
    assert _facts(traced, "build")["built_at"] is not None
    assert _facts(traced, "claim")["stored_at"] is not None
    assert _facts(traced, "counts in agg_events_hourly")["total_events"] == 2
    assert _facts(traced, "counts in agg_traffic_sources")["total_events"] == 2
    assert "topic browser_events" in next(iter(as_lines(traced)))[1]


def test_personal_data_is_shown_only_where_it_is_asked_for(stage: Stage) -> None:
    _complete(stage)
    assert "u1@example.com" not in str(_of(stage, "e1").steps)
    assert "192.0.2.7" not in str(_of(stage, "e1").steps)
    asked = str(_of(stage, "e1", personal=True).steps)
    assert "u1@example.com" in asked
    assert "192.0.2.7" in asked


def test_what_waits_says_for_what_and_what_was_built_without_says_what_it_lacks(stage: Stage) -> None:
    stage.send("browser", browser("e1"))
    stage.send("device", device())
    stage.build()
    waits = _facts(_of(stage, "e1"), "waits")
    assert (waits["has_device"], waits["has_geo"], waits["has_location"]) == (1, 0, 0)
    stage.clock.moment += timedelta(minutes=16)
    stage.build()
    lacks = _facts(_of(stage, "e1"), "incomplete")
    assert (lacks["lacks_device"], lacks["lacks_geo"], lacks["lacks_location"]) == (False, True, True)


def test_dead_letters_and_the_quarantine_say_why(stage: Stage) -> None:
    stage.send("browser", browser("bad", browser_name=7), browser("e1"), browser("e1", browser_name="Other"))
    stage.clock.moment += timedelta(minutes=16)
    stage.build()
    letter = _facts(_of(stage, "bad"), "dead letter")
    assert (letter["reason"], letter["field"]) == ("wrong_type", "browser_name")
    assert _facts(_of(stage, "e1"), "quarantine")["reason"] == "conflicting_duplicate"


def test_a_dead_letter_says_which_replay_took_it_and_what_came_of_it(stage: Stage) -> None:
    soon = START + timedelta(days=2)
    stage.send("browser", b"no json", browser("e1", at=f"{soon:%Y-%m-%d %H:%M:%S}"))
    assert "replay" not in _what(_of(stage, "e1")), "nobody has replayed it yet"
    stage.clock.moment = soon

    def drain(stream: str) -> None:
        Ingest(STREAMS[stream], stage.log, stage.ledger, stage.clock).drain(FlushLimits())

    done = Replay(stage.log, ClickHouseReplays(stage.db), stage.clock, drain).run(Selection(), SecondFailure.DROP)
    assert (done.sent, done.not_sent) == (1, 1)
    drain("browser")
    traced = _of(stage, "e1")
    assert _what(traced) == ["staged", "claim", "not planned yet", "dead letter", "claim", "replay"]
    assert _facts(traced, "staged")["origin"] == "replay of browser_events/{epoch}/{partition}/{offset}".format(
        **_facts(traced, "dead letter")
    )
    sent = _facts(traced, "replay")
    assert (sent["outcome"], sent["policy"]) == ("send", "drop")
    assert sent["done_at"] is not None
    dropped = _facts(Trace(stage.db, stage.clock).place("browser_events", 0, 0), "replay")
    assert (dropped["outcome"], dropped["replay"]) == ("hopeless", sent["replay"])


def test_a_place_in_kafka_leads_to_its_event_its_dead_letter_or_its_visit(stage: Stage) -> None:
    _complete(stage)
    stage.send("browser", browser("bad", browser_name=7))
    tracer = Trace(stage.db, stage.clock)
    part = int(str(_facts(_of(stage, "e1"), "staged")["partition"]))
    assert tracer.place("browser_events", part, 1).looked_for == an_id("e1")
    assert _what(tracer.place("browser_events", part, 2)) == ["dead letter", "claim"]
    assert "device part that counts" in _what(tracer.place("device_events", part, 0))
    nothing = tracer.place("browser_events", part, 77)
    assert nothing.steps == []
    assert f"browser_events/{part}/77" in where_it_looked(nothing, stage.clock.now())


def test_a_fact_without_staging_is_found_without_reading_all_of_history(stage: Stage) -> None:
    _complete(stage)
    stage.db.statements(
        f"TRUNCATE TABLE analytics.events_{name}_raw" for name in ("browser", "device", "geo", "location")
    )
    traced = _of(stage, "e1")
    assert _what(traced)[0] == "fact"
    plan = stage.db.query(
        f"EXPLAIN indexes = 1 SELECT event_timestamp FROM analytics.fact_events WHERE event_id = '{an_id('e1')}'"
    )
    assert any("event_id_bloom" in str(row) for row in plan)


def test_the_command(stage: Stage, front: Front, tmp_path: Path) -> None:
    _complete(stage)
    shell = Shell(
        {
            **os.environ, "HEADWATER_HOME": str(tmp_path), "HEADWATER_CLICKHOUSE_URL": front.owner_url,
            "HEADWATER_CLICKHOUSE_WRITER_URL": front.writer_url, "COLUMNS": "200",
        }
    )  # fmt: skip
    assert "counts in agg_events_hourly" in shell.run("trace", an_id("e1"))
    part = _facts(_of(stage, "e1"), "staged")["partition"]
    steps = json.loads(shell.run("trace", "--at", f"browser_events/{part}/0", "--json"))["steps"]
    assert steps[0]["facts"]["origin_line"] == 1
    assert "Nothing is known of" in shell.run("trace", an_id("nobody"), code=1)
    assert "is no place in Kafka" in shell.run("trace", "--at", "somewhere", code=2)
