"""Hundreds of seeded faults of every kind, in rounds; after each round the tables equal the oracle.

`make chaos` prints the seed and what was done. CHAOS_SEED and CHAOS_FAULTS choose another run; the same seed plans the
same faults, while their moments depend on the machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import pytest

from tests.chaos.conftest import SEED
from tests.chaos.faults import Round, plan
from tests.chaos.scenario import Field, Scenario
from tests.support.proxy import proxy

COUNT = int(os.environ.get("CHAOS_FAULTS", "224"))
_PER_ROUND = 14
PLAN = plan(SEED, COUNT, max(1, COUNT // _PER_ROUND))


@dataclass
class Report:
    """What was done in which round, and what came of it."""

    lines: list[str] = field(default_factory=list)
    faults: int = 0

    def add(self, *columns: object) -> None:
        """One line of the table."""
        self.lines.append("  ".join(str(column) for column in columns))


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    """Printed when all rounds are over, also those that failed."""
    made = Report()
    began = time.monotonic()
    yield made
    print(f"\nseed {SEED}: {made.faults} faults in {time.monotonic() - began:.0f} s")
    print("\n".join(made.lines))


@pytest.mark.long
@pytest.mark.stack
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(len(PLAN)), ids=lambda number: f"round{number:02d}")
def test_after_a_round_of_faults_every_message_is_stored_once(place: Field, number: int, report: Report) -> None:
    front = place.front.front
    with proxy(front.port) as between:
        url = front.writer_url.replace(f":{front.port}/", f":{between.port}/")
        scenario = Scenario.open(place, f"round{number:02d}", SEED + number, url)
        this = Round(scenario, between, Random(SEED * 1_000 + number))
        try:
            with scenario.feeding(at_once=20, pause_s=0.1):
                for kind in PLAN[number]:
                    began = time.monotonic()
                    done = this.carry_out(kind)
                    report.faults += 1
                    report.add(f"{number:02d}", f"{time.monotonic() - began:5.1f} s", f"{kind:<22}", done)
            this.settle()
            held = scenario.finish()
            report.add(
                f"{number:02d}", f"exact: {len(held.places):,} of {scenario.truth.total:,} messages in "
                f"{len(held.claims)} claims, {held.repairs} repairs, {held.lost} lost, {len(scenario.past)} topics before",
            )  # fmt: skip
        except AssertionError as error:
            report.add(f"{number:02d}", "FAILED")
            again = f"CHAOS_SEED={SEED} CHAOS_FAULTS={COUNT} make chaos CHAOS_ONLY=round{number:02d}"
            pytest.fail(f"{error}\nAgain: {again}", pytrace=False)
        finally:
            scenario.crew.close()
            place.revive()
