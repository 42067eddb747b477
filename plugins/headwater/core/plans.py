"""Numbered plans of the warehouse: what one of them does, fixed once so that a killed one can be run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby
from uuid import UUID

MAX_DAYS_PER_SLICE = 50
MAX_ROWS_PER_SLICE = 1_000_000


class PlanKind(StrEnum):
    """What a plan does. All kinds share one sequence of numbers, so that only one of them is ever under way."""

    BUILD = "build"
    CORRECT = "correct"
    REBUILD = "rebuild"
    RETIRE = "retire"
    ERASE = "erase"
    RELOAD = "reload"
    TRUNCATE_WAREHOUSE = "truncate_warehouse"
    TRUNCATE_ALL = "truncate_all"


@dataclass(frozen=True, slots=True)
class PendingClaim:
    """A stored claim that no plan has taken."""

    topic: str
    epoch: UUID
    partition: int
    from_offset: int
    to_offset: int
    staged: int
    planned_to: int
    ingested_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Builds have taken the offsets of one partition below `planned_to`."""

    topic: str
    epoch: UUID
    partition: int
    planned_to: int


@dataclass(frozen=True, slots=True)
class TakenRange:
    """Offsets [from_offset, to_offset) of one partition that a plan takes."""

    topic: str
    epoch: UUID
    partition: int
    from_offset: int
    to_offset: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the next plan shall do: builds take `ranges` and stand then at `reached`, the other kinds change `days`."""

    kind: PlanKind
    as_of: datetime
    grace_s: int = 0
    ranges: tuple[TakenRange, ...] = ()
    reached: tuple[Position, ...] = ()
    days: tuple[date, ...] = ()
    ids: tuple[UUID, ...] = ()
    pieces: int = 1
    first_ingested_at: datetime | None = None
    last_ingested_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides what a worker does: all its statements are functions of this."""

    plan: int
    plan_id: UUID
    kind: PlanKind
    as_of: datetime
    grace_s: int
    ranges: tuple[TakenRange, ...]
    days: tuple[date, ...]
    ids: tuple[UUID, ...]
    pieces: int
    first_ingested_at: datetime
    last_ingested_at: datetime
    member: str

    def token(self, step: str, generation: int) -> str:
        """Equal for all who run this step of the plan; a later generation adds only what a crash had taken."""
        return f"{step}:{self.plan_id}:{generation}"


def advance(positions: Iterable[Position], ranges: Iterable[TakenRange]) -> tuple[Position, ...]:
    """Where builds stand in every partition once `ranges` are taken too."""
    reached = {(p.topic, p.epoch, p.partition): p.planned_to for p in positions}
    reached |= {(r.topic, r.epoch, r.partition): r.to_offset for r in ranges}
    return tuple(Position(*place, offset) for place, offset in reached.items())


def take(pending: Iterable[PendingClaim], max_rows_per_topic: int) -> tuple[list[TakenRange], list[PendingClaim]]:
    """Choose the ranges of the next plan: per topic the oldest claims up to `max_rows_per_topic` rows, at least one.

    Only claims that follow without a gap on what is planned are taken: a claim that is still open holds back what
    comes after it in its partition. Returns the ranges and the claims in them.
    """
    by_topic: dict[str, list[PendingClaim]] = {}
    for claim in _without_gaps(pending):
        by_topic.setdefault(claim.topic, []).append(claim)
    chosen = [claim for claims in by_topic.values() for claim in _oldest(claims, max_rows_per_topic)]
    return _ranges(chosen), chosen


def _without_gaps(pending: Iterable[PendingClaim]) -> Iterable[PendingClaim]:
    ordered = sorted(pending, key=lambda c: (c.topic, str(c.epoch), c.partition, c.from_offset))
    for _, claims in groupby(ordered, key=lambda c: (c.topic, c.epoch, c.partition)):
        position: int | None = None
        for claim in claims:
            if claim.from_offset != (claim.planned_to if position is None else position):
                break
            yield claim
            position = claim.to_offset


def _oldest(claims: Sequence[PendingClaim], max_rows: int) -> Iterable[PendingClaim]:
    rows = 0
    blocked: set[tuple[UUID, int]] = set()
    for claim in sorted(claims, key=lambda c: (c.ingested_at, c.partition, c.from_offset)):
        place = (claim.epoch, claim.partition)
        if place in blocked or (rows and rows + claim.staged > max_rows):
            blocked.add(place)  # later claims of the partition would leave a gap
            continue
        rows += claim.staged
        yield claim


def _ranges(claims: Iterable[PendingClaim]) -> list[TakenRange]:
    bounds: dict[tuple[str, UUID, int], tuple[int, int]] = {}
    for claim in claims:
        key = (claim.topic, claim.epoch, claim.partition)
        low, high = bounds.get(key, (claim.from_offset, claim.to_offset))
        bounds[key] = (min(low, claim.from_offset), max(high, claim.to_offset))
    return [TakenRange(*key, *bounds[key]) for key in sorted(bounds, key=lambda k: (k[0], str(k[1]), k[2]))]


@dataclass(frozen=True, slots=True)
class Slice:
    """Facts that one insert writes: all of the days, or one piece of a large day by a hash of the id."""

    first_day: date
    last_day: date
    pieces: int
    piece: int


def slices(
    rows_per_day: Mapping[date, int],
    max_days: int = MAX_DAYS_PER_SLICE,
    max_rows: int = MAX_ROWS_PER_SLICE,
) -> list[Slice]:
    """Cut the facts of a plan into inserts of at most `max_days` days and about `max_rows` rows each.

    A day above `max_rows` is cut by a hash of the event id, so that each insert stays one block.
    """
    found: list[Slice] = []
    days: list[date] = []
    rows = 0

    def close() -> None:
        nonlocal rows
        if days:
            found.append(Slice(days[0], days[-1], 1, 0))
        days.clear()
        rows = 0

    for day in sorted(rows_per_day):
        count = rows_per_day[day]
        if count > max_rows:
            close()
            pieces = -(-count // max_rows)
            found.extend(Slice(day, day, pieces, piece) for piece in range(pieces))
            continue
        if len(days) == max_days or rows + count > max_rows:
            close()
        days.append(day)
        rows += count
    close()
    return found
