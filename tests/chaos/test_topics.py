"""Kafka forgets: messages by retention, a topic that is made again, the offsets of the group."""

from __future__ import annotations

import signal

import pytest

from headwater.errors import Stop
from tests.chaos.failpoints import Action, Failpoint
from tests.chaos.scenario import PARTITIONS, Scenario
from tests.chaos.truth import assert_held, missing_places, read_held

pytestmark = pytest.mark.stack


def test_messages_removed_while_nobody_read_are_booked_and_told(scenario: Scenario) -> None:
    scenario.feed(600)
    scenario.crew.drain()
    start = scenario.truth.ends()
    scenario.feed(600)
    _remove(scenario, 0, start[0], scenario.truth.ends()[0])
    _remove(scenario, 1, start[1], start[1] + 50)
    held = scenario.finish()
    assert len(missing_places(scenario.truth, held)) == sum(map(len, scenario.truth.may_be_lost.values()))
    _assert_told(scenario)


def test_messages_removed_under_a_running_member_are_booked_and_told(scenario: Scenario) -> None:
    scenario.feed(600)
    member = scenario.crew.start()
    scenario.wait_stored()
    start = scenario.truth.ends()
    member.signal(signal.SIGSTOP)
    scenario.feed(60)  # answers the request that the member may have sent before it was frozen
    scenario.feed(600)
    for partition in range(PARTITIONS):
        _remove(scenario, partition, start[partition], scenario.truth.ends()[partition] - 20)
    member.signal(signal.SIGCONT)
    held = scenario.finish()
    missing = missing_places(scenario.truth, held)
    assert len(missing) > 400
    assert held.lost == len(missing)
    _assert_told(scenario)


@pytest.mark.long
def test_messages_that_come_after_they_were_booked_as_lost_are_noticed(scenario: Scenario) -> None:
    scenario.feed(300)
    sleeper = scenario.crew.start(Failpoint("before", "store", 1, Action.STOP))
    sleeper.wait_stopped()  # with messages in its hands that nobody else can read from now on
    for partition, end in scenario.truth.ends().items():
        _remove(scenario, partition, 0, end)
    scenario.crew.drain()
    sleeper.signal(signal.SIGCONT)
    scenario.crew.stop_all()
    with pytest.raises(Stop, match="does not add up"):
        scenario.reconcile()


def test_a_topic_made_again_while_nobody_read_starts_books_of_its_own(scenario: Scenario) -> None:
    scenario.feed(600)
    scenario.crew.drain()
    scenario.recreate_topic()
    scenario.feed(300)
    scenario.finish()
    _assert_past_is_whole(scenario)


@pytest.mark.parametrize(
    ("frozen", "again"),
    [
        pytest.param(False, 90, id="reading, then shorter", marks=pytest.mark.long),
        pytest.param(False, 900, id="reading, then longer", marks=pytest.mark.long),
        pytest.param(True, 90, id="frozen, then shorter", marks=pytest.mark.long),
        pytest.param(True, 900, id="frozen, then longer"),
    ],
)
def test_a_topic_made_again_under_a_member_starts_books_of_its_own(
    scenario: Scenario, again: int, frozen: bool
) -> None:
    scenario.feed(600)
    member = scenario.crew.start()
    scenario.wait_stored()
    member.signal(signal.SIGSTOP if frozen else signal.SIGCONT)  # a frozen one never sees the topic missing
    scenario.recreate_topic()
    scenario.feed(again)
    member.signal(signal.SIGCONT)
    scenario.wait_stored(members=1)
    scenario.finish()
    _assert_past_is_whole(scenario)


@pytest.mark.long
def test_a_topic_made_again_after_the_broker_was_restarted_is_noticed_by_a_member_that_reads_on(
    scenario: Scenario,
) -> None:
    scenario.feed(600)
    scenario.crew.start()
    scenario.wait_stored()
    scenario.kill_broker()  # the client knows a later term of the partitions' leader than the new topic has
    scenario.feed(60)
    scenario.wait_stored(members=1)
    scenario.recreate_topic()
    scenario.feed(60)
    scenario.wait_stored(members=1)
    scenario.finish()
    _assert_past_is_whole(scenario)


def test_a_claim_of_a_topic_that_is_gone_is_not_filled_from_the_new_one(scenario: Scenario) -> None:
    scenario.feed(600)
    scenario.crew.start(Failpoint("after", "propose", 1, Action.KILL)).wait_killed()
    heir = scenario.crew.start(Failpoint("before", "open_claims", 1, Action.STOP))
    heir.wait_stopped()
    scenario.recreate_topic()
    scenario.feed(900)
    heir.signal(signal.SIGCONT)
    scenario.wait_stored(members=1)
    scenario.finish()


def test_a_group_that_lost_its_offsets_repeats_nothing(scenario: Scenario) -> None:
    scenario.feed(600)
    scenario.crew.drain()
    assert sum(scenario.committed().values()) > 0
    scenario.forget_group()
    assert sum(scenario.committed().values()) == 0
    scenario.feed(100)
    scenario.finish()


def _remove(scenario: Scenario, partition: int, start: int, before: int) -> None:
    scenario.truth.may_be_lost[partition].update(range(start, before))
    scenario.remove_before(partition, before)


def _assert_told(scenario: Scenario) -> None:
    assert any("ERROR" in m.log and "retention removed" in m.log for m in scenario.crew.members), "nobody told the loss"


def _assert_past_is_whole(scenario: Scenario) -> None:
    with scenario.database() as db:
        for truth in scenario.past:
            assert_held(truth, read_held(db, truth))
