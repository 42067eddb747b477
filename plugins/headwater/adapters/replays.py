"""The book of replays in ClickHouse, behind the port `ReplayBook`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import pyarrow as pa

from headwater.adapters.clickhouse import ClickHouse
from headwater.core.replay import (
    DeadLetter,
    Failure,
    Item,
    Outcome,
    Position,
    ReplayPlan,
    SecondFailure,
    Selection,
)
from headwater.errors import Stop
from headwater.ports import Row

_GENERATIONS = 8


class ClickHouseReplays:
    """Plans and dead letters of one server."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._ch = clickhouse

    def last(self) -> tuple[int, bool]:
        """Number of the last plan, and whether it is done."""
        rows = self._ch.rows("replay/last")
        return (int(rows[0]["plan"]), bool(rows[0]["done"])) if rows else (0, True)

    def candidates(self, selection: Selection, before: datetime, rows: int, size_bytes: int) -> Sequence[DeadLetter]:
        """Dead letters that no plan has taken."""
        parameters = {**_selected(selection), "before": before, "rows": rows, "size_bytes": size_bytes}
        return [_letter(row, bytes.fromhex(row["raw_hex"])) for row in self._ch.rows("replay/candidates", **parameters)]

    def reserve(self, plan: ReplayPlan, planned_at: datetime, member: str) -> ReplayPlan:
        """Insert under the plan's number as token, read back, and obey what stands there."""
        for generation in range(_GENERATIONS):
            token = f"replay:{plan.number}:{generation}"
            self._ch.insert_arrow("ops.replays", partial(_rows, plan, generation, planned_at, member), token)
            standing = self.plan(plan.number)
            if standing.items:
                return standing
        raise Stop("ops.replays keeps no rows. Nothing was sent. Check the disk and the settings of ClickHouse.")

    def plan(self, number: int) -> ReplayPlan:
        """The plan with its items; one without items when there is none of this number."""
        rows = self._ch.rows("replay/items", plan=number)
        if not rows:
            return ReplayPlan(number, UUID(int=0), SecondFailure.DEAD_LETTER, ())
        items = [
            Item(
                _letter(row, bytes.fromhex(row["raw_hex"]) if row["is_there"] else None),
                Outcome(row["outcome"]),
                row["detail"],
            )
            for row in rows
        ]
        return ReplayPlan(number, rows[0]["plan_id"], SecondFailure(rows[0]["policy"]), items)

    def finish(self, plan: ReplayPlan, done_at: datetime) -> None:
        """Close the plan."""
        self._ch.run(
            "replay/finish",
            token=f"replay-done:{plan.plan_id}",
            plan=plan.number,
            plan_id=plan.plan_id,
            sent=len(plan.sent),
            not_sent=plan.not_sent,
            gone=plan.gone,
            done_at=done_at,
        )

    def count(self, selection: Selection, before: datetime) -> Sequence[Mapping[str, Any]]:
        """Dead letters by stream, reason and field."""
        return self._ch.rows("replay/count", **_selected(selection), before=before)

    def failed(self, number: int) -> Sequence[Failure]:
        """Messages of the plan among the dead letters."""
        return [
            Failure(_position(row), row["reason"], row["field"], row["detail"], row["origin"])
            for row in self._ch.rows("replay/failed", plan=number)
        ]


def _selected(selection: Selection) -> dict[str, object]:
    return {
        "streams": list(selection.streams),
        "reasons": list(selection.reasons),
        "fields": list(selection.fields),
        "ids": list(selection.ids),
        "origins": list(selection.origins),
        "since": selection.since,
        "until": selection.until,
        "failed_again": selection.failed_again,
    }


def _position(row: Row) -> Position:
    return Position(row["topic"], row["epoch"], row["partition"], row["offset"])


def _letter(row: Row, raw: bytes | None) -> DeadLetter:
    return DeadLetter(row["stream"], _position(row), raw, row["reason"], row["field"])


def _rows(plan: ReplayPlan, generation: int, planned_at: datetime, member: str) -> dict[str, Any]:
    count = len(plan.items)
    letters = [item.letter for item in plan.items]
    positions = [letter.position for letter in letters]

    def repeated(value: object, kind: Any) -> Any:
        return pa.array([value] * count, kind)

    return {
        "plan": repeated(plan.number, pa.uint64()),
        "plan_id": repeated(str(plan.plan_id), pa.string()),
        "generation": repeated(generation, pa.uint32()),
        "stream": pa.array([letter.stream for letter in letters], pa.string()),
        "topic": pa.array([position.topic for position in positions], pa.string()),
        "epoch": pa.array([str(position.epoch) for position in positions], pa.string()),
        "partition": pa.array([position.partition for position in positions], pa.uint32()),
        "offset": pa.array([position.offset for position in positions], pa.uint64()),
        "reason": pa.array([letter.reason for letter in letters], pa.string()),
        "field": pa.array([letter.field for letter in letters], pa.string()),
        "outcome": pa.array([item.outcome.value for item in plan.items], pa.string()),
        "detail": pa.array([item.detail for item in plan.items], pa.string()),
        "policy": repeated(plan.policy.value, pa.string()),
        "member": repeated(member, pa.string()),
        "planned_at": repeated(planned_at, pa.timestamp("ms", "UTC")),
    }
