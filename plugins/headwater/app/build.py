"""Build facts from what is staged: every event once, or waiting for its parts; and correct those that got parts later.

A build is a numbered plan, claimed as ingestion claims a range. It fixes the staging ranges it takes and the time
that decides about grace, so that all who run it write the same rows under the same tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from headwater.app.correct import propose_correction, propose_removal
from headwater.app.erase import propose_erasure
from headwater.app.erase_keys import Key, demand_key
from headwater.app.plan_books import PlanDone
from headwater.app.plan_runner import Built, PlanRunner
from headwater.app.reload import propose_reload
from headwater.contracts.streams import VISIT_STREAMS
from headwater.core.claims_sql import pending_sql
from headwater.core.plans import PendingClaim, PlanKind, Position, Proposal, advance, take
from headwater.ports import Clock, Database

__all__ = ["Build", "BuildLimits", "Built", "PlanDone"]


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """How much one plan takes, and how long an event waits for its parts."""

    rows_per_topic: int = 500_000
    grace_s: int = 15 * 60


class Build:
    """Carries out plans until nothing is left to build or to correct."""

    def __init__(self, database: Database, clock: Clock, limits: BuildLimits, key: Key | None = None) -> None:
        self._db = database
        self._clock = clock
        self._limits = limits
        self._key = key

    def run(
        self, tell: Callable[[PlanDone], None] = lambda _done: None, stop: Callable[[], bool] = lambda: False
    ) -> Built:
        """Build everything that is staged now; `tell` hears of every finished plan, `stop` is asked between two.

        Safe to run again, to kill at any point and to run twice at once. Raises `Stop` when rows are missing that
        no repetition brings.
        """
        return PlanRunner(self._db, self._clock, self._key).run(self._propose, tell, stop)

    def _propose(self, number: int) -> Proposal | None:
        """Who is to be erased, else objects to load anew, else what is staged, else days to correct.

        Last come ids that were found twice.
        """
        if erasure := propose_erasure(self._db, self._clock):
            demand_key(self._db, self._key)
            return erasure
        if reload := propose_reload(self._db, self._clock):
            return reload
        as_of = self._clock.now()
        positions = [Position(**row) for row in self._db.rows("build/reached", plan=number)]
        ranges, claims = take(self._pending(positions), self._limits.rows_per_topic)
        if not ranges and not self._is_due(number, as_of):
            return propose_correction(self._db, self._clock) or self._propose_removal()
        times = [claim.ingested_at for claim in claims] or [as_of]
        return Proposal(
            PlanKind.BUILD,
            as_of,
            grace_s=self._limits.grace_s,
            ranges=tuple(ranges),
            reached=advance(positions, ranges),
            first_ingested_at=min(times),
            last_ingested_at=max(times),
        )

    def _propose_removal(self) -> Proposal | None:
        """Looks through all days, so only when the quality checks have found an id on several days."""
        found = int(self._db.rows("correct/duplicates_found")[0]["found"])
        return propose_removal(self._db, self._clock) if found else None

    def _pending(self, positions: Sequence[Position]) -> list[PendingClaim]:
        planned_to = {(p.topic, p.epoch, p.partition): p.planned_to for p in positions}
        topics = [stream.topic for stream in VISIT_STREAMS.values()]
        return [
            PendingClaim(
                **{**row, "ingested_at": row["ingested_at"].replace(tzinfo=UTC)},
                planned_to=planned_to.get((row["topic"], row["epoch"], row["partition"]), 0),
            )
            for row in self._db.query(pending_sql(topics, positions))
        ]

    def _is_due(self, plan: int, as_of: datetime) -> bool:
        row = self._db.rows("build/due", plan=plan, as_of=as_of, grace_s=self._limits.grace_s)[0]
        return bool(row["due"])
