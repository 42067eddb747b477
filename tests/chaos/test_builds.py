"""Builds and corrections under deaths and sleeps at every statement: the content equals that of an undisturbed run.

`make chaos-build` prints the seed and what was done; CHAOS_SEED chooses another run.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.chaos.build_story import Story
from tests.chaos.conftest import SEED
from tests.support.front import Front
from tests.support.head import lay_head
from tests.support.places import folder

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """A front of the suite's own."""
    with folder() as place:
        lay_head(place)
        with Front.start(place) as front:
            yield Story(front, Random(SEED))


def _assert_equal(story: Story, rounds: int) -> None:
    found = story.content()
    done, kills, sleeps = story.rounds, story.kills, story.sleeps
    story.begin()
    expected, _ = story.undisturbed(done)
    print(f"\nseed {SEED}: {done} rounds, {kills} kills, {sleeps} sleeps")
    assert done >= rounds
    assert found == expected, f"seed {SEED}"


def test_some_deaths_and_sleeps_leave_no_trace(story: Story) -> None:
    story.begin()
    story.two_at_once()
    for statement in story.random.sample(range(6, 60), 2):
        story.builder_dies_at(statement)
    story.builder_sleeps_at(story.random.randrange(6, 16))
    story.front_dies_in(story.random.randrange(6, 12))
    story.front_dies_in(story.random.randrange(20, 60))
    _assert_equal(story, 6)


@pytest.mark.long
def test_builders_that_die_or_sleep_anywhere_leave_no_trace(story: Story) -> None:
    story.begin()
    _, most = story.undisturbed(5)
    before = story.kills
    for statement in range(1, most + 1):
        story.builder_dies_at(statement)
        if statement % 4 == 0:
            story.builder_dies()
        if statement % 5 == 0:
            story.builder_sleeps_at(statement)
            story.two_at_once()
    assert story.kills - before >= max(most, 60)
    _assert_equal(story, most)


@pytest.mark.long
def test_a_clickhouse_that_dies_at_or_in_any_statement_leaves_no_trace(story: Story) -> None:
    story.begin()
    _, most = story.undisturbed(5)
    before = story.kills
    for statement in range(1, most + 1):
        (story.front_dies_in if statement % 2 else story.front_dies_at)(statement)
    assert story.kills - before >= 0.8 * most
    _assert_equal(story, most)
