"""Members that are killed, frozen, woken, joined and left at any step: every message is stored once."""

from __future__ import annotations

import signal
import time

import pytest

from tests.chaos.failpoints import Action, Failpoint
from tests.chaos.scenario import Scenario

pytestmark = pytest.mark.stack

STEPS = [
    (side, step)
    for step in ("propose", "standing", "store", "find", "mark_stored", "commit")
    for side in ("before", "after")
]  # fmt: skip


RESUMING = [(side, step) for step in ("open_claims", "claims", "watermarks") for side in ("before", "after")]


def test_a_member_killed_after_any_step_of_a_batch_costs_nothing(scenario: Scenario) -> None:
    _kill_at(scenario, [place for place in STEPS if place[0] == "after"])


@pytest.mark.long
def test_a_member_killed_before_or_after_any_step_costs_nothing(scenario: Scenario) -> None:
    _kill_at(scenario, [*STEPS, *RESUMING])


def _kill_at(scenario: Scenario, places: list[tuple[str, str]]) -> None:
    for side, step in scenario.random.sample(places, len(places)):
        scenario.feed(400)
        nth = scenario.random.randint(1, 3) if (side, step) in STEPS else 1
        scenario.crew.start(Failpoint(side, step, nth, Action.KILL), rows=100).wait_killed()
        scenario.assert_committed_is_held()
    held = scenario.finish()
    assert held.repairs == 0, "a member's death alone never tears a token"


def test_a_member_killed_or_frozen_between_the_claims_of_one_insert_costs_nothing(scenario: Scenario) -> None:
    frozen = []
    for nth in (1, 2):
        for action in (Action.KILL, Action.STOP):
            scenario.feed(120)
            # All that was read at the time is claimed together, one claim for each partition.
            member = scenario.crew.start(Failpoint("after", "propose", nth, action), rows=5_000)
            if action is Action.KILL:
                member.wait_killed()
            else:
                member.wait_stopped()
                frozen.append(member)
    scenario.crew.drain()
    for member in frozen:
        member.signal(signal.SIGCONT)
    held = scenario.finish()
    assert any(len(claim["together"]) > 1 for claim in held.claims)


def test_members_frozen_past_their_session_at_several_steps_wake_and_change_nothing(scenario: Scenario) -> None:
    _freeze_at(scenario, [("before", "propose"), ("before", "store")])


@pytest.mark.long
def test_members_frozen_past_their_session_at_every_step_wake_and_change_nothing(scenario: Scenario) -> None:
    _freeze_at(scenario, STEPS)


def _freeze_at(scenario: Scenario, places: list[tuple[str, str]]) -> None:
    frozen = []
    for side, step in scenario.random.sample(places, len(places)):
        scenario.feed(400)
        member = scenario.crew.start(Failpoint(side, step, 2, Action.STOP), rows=100)
        member.wait_stopped()
        frozen.append(member)
    scenario.crew.drain()  # the group gives the frozen members' partitions away first
    with scenario.feeding():
        for member in scenario.random.sample(frozen, len(frozen)):
            member.signal(signal.SIGCONT)
        scenario.crew.start()
        time.sleep(2)  # woken members go on with what they held while others work
    assert any(member.is_alive for member in frozen), "no frozen member came back"
    scenario.finish()


def test_members_that_join_and_leave_in_a_storm_share_the_work(scenario: Scenario) -> None:
    with scenario.feeding():
        for _ in range(4):
            for _ in range(scenario.random.randint(1, 2)):
                scenario.crew.start(runs=scenario.random.random() < 0.7, rows=100)
            time.sleep(scenario.random.uniform(0.3, 1.0))
            leaving = scenario.random.choice(scenario.crew.alive() or scenario.crew.members)
            leaving.signal(scenario.random.choice((signal.SIGTERM, signal.SIGKILL)))
            scenario.crew.assert_none_gave_up()
    scenario.finish()


def test_a_drain_ends_beside_a_service_that_runs_on(scenario: Scenario) -> None:
    service = scenario.crew.start()
    for _ in range(2):
        scenario.feed(600)
        scenario.crew.drain(timeout_s=30)
        assert service.is_alive
    scenario.finish()
