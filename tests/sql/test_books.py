"""What a build reads in the books of ingestion and building follows what is new, however long they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.core.plans import Position, TakenRange, advance
from headwater.ports import Row
from tests.support.events import browser, device, geo, location
from tests.support.front import Front
from tests.support.staging import Stage

EPOCH = UUID("00000000-0000-0000-0000-0000000000ee")
TOPICS = ("browser_events", "device_events", "geo_events", "location_events")


def test_positions_advance_by_what_a_plan_takes_and_keep_the_rest() -> None:
    stands, other = Position("a", EPOCH, 0, 5), Position("a", EPOCH, 1, 7)
    taken = [TakenRange("a", EPOCH, 0, 5, 9), TakenRange("b", EPOCH, 0, 0, 3)]
    assert advance([stands, other], taken) == (replace(stands, planned_to=9), other, Position("b", EPOCH, 0, 3))
    assert advance([], []) == ()


def _book(stage: Stage, first: int, claims: int, plans: int) -> None:
    """Books of earlier topics: so many stored claims in each from the `first` on, taken by the first of so many plans.

    The plans are without positions, as those were that were made before the column was there.
    """
    of = f"toUUID('{EPOCH}')"
    of_claims = (
        f"SELECT topic, {of}, 0, number * 10, number * 10 + 10, reinterpretAsUUID(sipHash128(topic, {of}, number)) "
        f"AS claim, 10, now64(3) FROM (SELECT arrayJoin({list(TOPICS)}) AS topic) AS t CROSS JOIN numbers({first}, {claims}) AS n"
    )
    columns = "topic, epoch, partition, from_offset, to_offset, claim_id"
    taken = ", ".join(f"('{topic}', {of}, 0, {first * 10}, {(first + claims) * 10})" for topic in TOPICS)
    last = int(stage.db.query("SELECT max(plan) AS plan FROM ops.plans")[0]["plan"])
    of_ranges = f"if(number = {last + 1}, [{taken}], [])"
    of_plans = f"FROM numbers({last + 1}, {plans})"
    stage.db.statements(
        [
            f"INSERT INTO ops.claims ({columns}, messages, ingested_at) {of_claims}",
            f"INSERT INTO ops.stored ({columns}, staged, stored_at) {of_claims}",
            f"INSERT INTO ops.plans (plan, plan_id, as_of, ranges) SELECT number, generateUUIDv4(), now64(3), {of_ranges} {of_plans}",
            f"INSERT INTO ops.plans_done (plan, plan_id, done_at) SELECT number, generateUUIDv4(), now64(3) {of_plans}",
            # What is skipped is whole granules of a part, so the number of parts would be counted too.
            *(f"OPTIMIZE TABLE ops.{table} FINAL" for table in ("claims", "stored", "plans", "plans_done")),
        ]
    )


def _visit(stage: Stage, name: str) -> None:
    stage.send("browser", browser(name, click=name))
    stage.send("location", location(name))
    stage.send("device", device(name))
    stage.send("geo", geo(name))


class Counting(ClickHouse):
    """Counts the rows that the engine reads for statements, but for the look for days to correct."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.read = 0

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Sequence[Row]:
        before = self._so_far()
        rows = super().query(sql, parameters)
        self.read += self._so_far() - before
        return rows

    def execute(self, sql: str, token: str | None = None, parameters: Mapping[str, object] | None = None) -> int:
        before = self._so_far()
        written = super().execute(sql, token, parameters)
        self.read += self._so_far() - before
        return written

    def rows(self, name: str, /, **parameters: object) -> Sequence[Row]:
        counted = self.read
        rows = super().rows(name, **parameters)
        if name.startswith("correct/"):
            self.read = counted
        return rows

    def _so_far(self) -> int:
        rows = super().query("SELECT value FROM system.events WHERE event = 'SelectedRows'")
        return int(rows[0]["value"]) if rows else 0


def _cost_of_a_build(stage: Stage, front: Front, name: str) -> int:
    _visit(stage, name)
    counting = Counting(front.writer_url)
    assert stage.build(database=counting).facts == 1
    counting.close()
    return counting.read


@pytest.mark.stack
def test_a_build_reads_no_more_with_books_that_are_far_longer(stage: Stage, front: Front) -> None:
    costs = []
    for round_, (first, count) in enumerate([(0, 40_000), (40_000, 200_000)]):
        _book(stage, first, count, count)
        _cost_of_a_build(stage, front, f"first {round_}")  # writes the positions down
        costs.append(_cost_of_a_build(stage, front, f"second {round_}"))
    print("rows read:", costs)
    assert costs[1] < 1.2 * costs[0]
    assert stage.db.query("SELECT length(reached) AS n FROM ops.plans ORDER BY plan DESC LIMIT 1")[0]["n"] == 8
