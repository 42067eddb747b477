"""ClickHouse, Kafka or the way to them fails while members work: every message is stored once."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.conftest import SEED
from tests.chaos.scenario import Scenario
from tests.chaos.tears import Moment, lost_tokens
from tests.chaos.truth import BROWSER, Held, assert_held, read_held
from tests.support.proxy import Deed, proxy, seeded

pytestmark = pytest.mark.stack

TARGETS = (BROWSER.staging_table, "ops.dead_letters", "ops.freshness")
BOOKS = ("ops.claims", "ops.stored")


@pytest.mark.parametrize(
    "table", [TARGETS[0], *(pytest.param(table, marks=pytest.mark.long) for table in TARGETS[1:]), *BOOKS]
)
def test_rows_whose_token_was_logged_and_whose_part_never_came_are_stored_again(scenario: Scenario, table: str) -> None:
    front = scenario.place.front
    folder = front.table_folder(table)
    scenario.crew.start()
    before = lost_tokens(folder)
    front.arm(table, Moment.BEFORE)
    scenario.feed(900)
    front.wait_dead()
    torn = lost_tokens(folder) - before
    assert torn, f"{table} was not torn: the kill missed the moment between token and part"
    scenario.place.restart_front()
    held = scenario.finish()
    if table in TARGETS:
        assert held.repairs > 0, f"a token of {table} was torn ({torn}) and nothing was repaired"
    if table == "ops.claims":
        assert any(claim["generation"] > 0 for claim in held.claims), "the torn claim was not claimed again"


def test_a_part_that_came_though_nobody_was_told_is_not_stored_again(scenario: Scenario) -> None:
    front = scenario.place.front
    for table in (BROWSER.staging_table, "ops.claims"):
        scenario.crew.replace_ended(1)
        front.arm(table, Moment.AFTER)
        scenario.feed(300)
        front.wait_dead()
        scenario.place.restart_front()
    held = scenario.finish()
    assert held.repairs == 0


def test_a_front_killed_at_random_moments_of_its_inserts(scenario: Scenario) -> None:
    with scenario.feeding():
        for _ in range(3):
            scenario.crew.replace_ended(2)
            time.sleep(scenario.random.uniform(0.1, 0.6))
            scenario.place.kill_front()
    scenario.finish()


def test_a_broker_killed_while_members_read_and_commit(scenario: Scenario) -> None:
    with scenario.feeding(at_once=100):
        scenario.crew.replace_ended(2)
        time.sleep(scenario.random.uniform(0.5, 1.0))
        scenario.kill_broker()
    scenario.finish()


def test_requests_that_are_cut_late_or_repeated_have_the_outcome_of_one(scenario: Scenario) -> None:
    front = scenario.place.front.front
    with proxy(front.port) as between:
        between.plan = seeded(SEED, share=0.3)
        url = front.writer_url.replace(f":{front.port}/", f":{between.port}/")
        for _ in range(2):
            scenario.crew.start(url=url, rows=100)
        deadline = time.monotonic() + 30
        while set(Deed) - between.done.keys():
            scenario.feed(150)
            scenario.crew.assert_none_gave_up()
            assert time.monotonic() < deadline, f"the proxy did only {dict(between.done)}"
            time.sleep(0.2)
        scenario.crew.stop_all()
    scenario.finish()


def test_what_the_oracle_would_not_overlook(scenario: Scenario) -> None:
    scenario.feed(300)
    scenario.crew.drain()
    scenario.check()
    with scenario.database() as db:
        held = read_held(db, scenario.truth)
        for told, damaged in _damages(held).items():
            with pytest.raises(AssertionError, match=told):
                assert_held(scenario.truth, damaged)
        # One of them in the tables themselves.
        epoch = scenario.truth.epoch
        staging = BROWSER.staging_table
        db.execute(f"INSERT INTO {staging} SELECT * FROM {staging} WHERE epoch = '{epoch}' LIMIT 1")
    with pytest.raises(AssertionError, match="stand twice"):
        scenario.check()


def _damages(held: Held) -> dict[str, Held]:
    """What the oracle has to say of each damage, and the tables with it."""
    staged, dead, beats = held.staged, held.dead_letters, held.heartbeats
    first, *later = held.claims
    closed = held.stored[first["claim_id"]]

    def booked(**other: Any) -> Held:
        return replace(held, stored={**held.stored, first["claim_id"]: {**closed, **other}})

    return {
        "1 offsets of .* stand twice": replace(held, heartbeats=[*beats, staged[0][:3]]),
        "1 of .* messages of .* are missing": replace(held, staged=staged[1:]),
        "1 rows of .* were never sent": replace(held, staged=[*staged, (0, 10**9, *staged[0][2:])]),
        "staging of .* differ": replace(held, staged=[(*staged[0][:-1], "another"), *staged[1:]]),
        "dead letters of .* differ": replace(held, dead_letters=[(*dead[0][:-1], "another"), *dead[1:]]),
        "heartbeats of .* differ": replace(held, heartbeats=[(*beats[0][:-1], "another"), *beats[1:]]),
        "claim .* leaves a gap or overlaps": replace(held, claims=[{**first, "from_offset": 1}, *later]),
        "claim .* was never closed": replace(held, stored={}),
        "claim .* is booked with .* rows and has": booked(staged=closed["staged"] + 1),
        "claim .* is booked with 1 lost, 0 are missing": booked(lost=1),
        "claims reach .*, the topic ends at": replace(held, claims=held.claims[:-1]),
    }
