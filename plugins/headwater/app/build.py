"""Build facts from what is staged: every event once, or waiting for its parts.

A build is a numbered plan, claimed as ingestion claims a range. It fixes the staging ranges it takes and the time
that decides about grace, so that all who run it write the same rows under the same tokens.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from headwater.contracts.streams import STREAMS
from headwater.core.plans import PendingClaim, Plan, TakenRange, slices, take
from headwater.errors import Stop
from headwater.ports import Clock, Database

_MAX_GENERATIONS = 8


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """How much one plan takes, and how long an event waits for its parts."""

    rows_per_topic: int = 500_000
    grace_s: int = 15 * 60


@dataclass(frozen=True, slots=True)
class PlanDone:
    """What became of the events of one plan: taken + was_waiting = facts + repeats + conflicts + waiting."""

    plan: int
    taken: int
    was_waiting: int
    facts: int
    incomplete: int
    repeats: int
    conflicts: int
    waiting: int
    waiting_parts: int


@dataclass(slots=True)
class Built:
    """The plans that one run carried out."""

    plans: list[PlanDone] = field(default_factory=list)

    @property
    def facts(self) -> int:
        """Facts added over all plans."""
        return sum(done.facts for done in self.plans)


class Build:
    """Carries out plans until nothing is left to build."""

    def __init__(self, database: Database, clock: Clock, limits: BuildLimits) -> None:
        self._db = database
        self._clock = clock
        self._limits = limits
        self._member = f"{socket.gethostname()}/{os.getpid()}"

    def run(self, tell: Callable[[PlanDone], None] = lambda _done: None) -> Built:
        """Build everything that is staged now; `tell` hears of every finished plan.

        Safe to run again, to kill at any point and to run twice at once. Raises `Stop` when rows are missing that
        no repetition brings.
        """
        built = Built()
        while (plan := self._next_plan()) is not None:
            done = self._carry_out(plan)
            if done is not None:
                built.plans.append(done)
                tell(done)
        return built

    def _next_plan(self) -> Plan | None:
        """The plan that was claimed and is not done, else a new one, else None when there is nothing to do."""
        last = self._last_plan()
        if last is not None and not last[1]:
            return last[0]
        number = last[0].plan if last is not None else 0
        as_of = self._clock.now()
        ranges, claims = take(self._pending(), self._limits.rows_per_topic)
        if not ranges and not self._is_due(number, as_of):
            return None
        times = [claim.ingested_at for claim in claims] or [as_of]
        self._db.run(
            "build/claim_plan",
            token=f"plan:{number + 1}",
            plan=number + 1,
            plan_id=uuid4(),
            as_of=as_of,
            grace_s=self._limits.grace_s,
            ranges=[(r.topic, str(r.epoch), r.partition, r.from_offset, r.to_offset) for r in ranges],
            first_ingested_at=min(times),
            last_ingested_at=max(times),
            member=self._member,
        )
        standing = self._last_plan()
        if standing is None or standing[0].plan <= number:
            raise Stop("The table ops.plans keeps no plan. Check ClickHouse's disk and log.")
        return None if standing[1] else standing[0]

    def _last_plan(self) -> tuple[Plan, bool] | None:
        rows = self._db.rows("build/last_plan")
        if not rows:
            return None
        values = dict(rows[0])
        is_done = bool(values.pop("is_done"))
        values["ranges"] = tuple(TakenRange(*_range_values(r)) for r in values["ranges"])
        for name in ("as_of", "first_ingested_at", "last_ingested_at"):
            values[name] = values[name].replace(tzinfo=UTC)
        return Plan(**values), is_done

    def _pending(self) -> list[PendingClaim]:
        topics = [stream.topic for stream in STREAMS.values()]
        return [
            PendingClaim(**{**row, "ingested_at": row["ingested_at"].replace(tzinfo=UTC)})
            for row in self._db.rows("build/pending", topics=topics)
        ]

    def _is_due(self, plan: int, as_of: datetime) -> bool:
        row = self._db.rows("build/due", plan=plan, as_of=as_of, grace_s=self._limits.grace_s)[0]
        return bool(row["due"])

    def _carry_out(self, plan: Plan) -> PlanDone | None:
        """Run every step of the plan; None when another builder has finished it meanwhile."""
        self._until_none_missing(plan, ["visits_device", "visits_geo"], lambda: self._missing_visits(plan))
        self._until_none_missing(plan, ["match"], lambda: self._missing_matches(plan))
        if self._is_done(plan):
            return None
        self._write_facts(plan)
        self._until_none_missing(plan, ["quarantine"], lambda: self._outcome(plan, "conflicts", "quarantined"))
        self._until_none_missing(plan, ["waiting"], lambda: 1 - int(self._one("outcome", plan)["waiting_sets"]))
        if self._is_done(plan):
            return None
        return self._finish(plan)

    def _write_facts(self, plan: Plan) -> None:
        for generation in range(_MAX_GENERATIONS):
            days = self._db.rows("build/matched_days", plan=plan.plan)
            wanted = {row["day"]: int(row["facts"]) for row in days}
            if all(int(row["built"]) == wanted[row["day"]] for row in days):
                return
            for part in slices(wanted):
                self._db.run(
                    "build/facts",
                    token=plan.token(f"facts:{part.pieces}:{part.piece}", generation),
                    plan=plan.plan,
                    first_day=part.first_day,
                    last_day=part.last_day,
                    pieces=part.pieces,
                    piece=part.piece,
                    generation=generation,
                )
        raise _never_complete(plan, "facts")

    def _until_none_missing(self, plan: Plan, steps: list[str], missing: Callable[[], int]) -> None:
        """Run the steps, count, and run them again under the next generation while something is missing.

        The engine logs a token before it shows the part, so a crash can leave a token without its rows.
        """
        for generation in range(_MAX_GENERATIONS):
            for step in steps:
                more = {"generation": generation} if step.startswith("visits") else {}
                self._db.run(f"build/{step}", token=plan.token(step, generation), plan=plan.plan, **more)
            if not missing() or self._is_done(plan):
                return
        raise _never_complete(plan, " and ".join(steps))

    def _missing_visits(self, plan: Plan) -> int:
        return int(self._one("visits_missing", plan)["missing"])

    def _missing_matches(self, plan: Plan) -> int:
        row = self._one("match_due", plan)
        return int(row["taken_events"]) + int(row["was_waiting"]) - int(row["matched"])

    def _outcome(self, plan: Plan, wanted: str, found: str) -> int:
        row = self._one("outcome", plan)
        return int(row[wanted]) - int(row[found])

    def _is_done(self, plan: Plan) -> bool:
        last = self._last_plan()
        return last is not None and (last[0].plan > plan.plan or last[1])

    def _finish(self, plan: Plan) -> PlanDone:
        row = self._one("outcome", plan)
        done = PlanDone(
            plan=plan.plan, **{name: int(row[name]) for name in PlanDone.__dataclass_fields__ if name != "plan"}
        )
        counts = {name: getattr(done, name) for name in PlanDone.__dataclass_fields__}
        for generation in range(_MAX_GENERATIONS):
            token, done_at = plan.token("done", generation), self._clock.now()
            self._db.run("build/finish", token=token, plan_id=plan.plan_id, done_at=done_at, **counts)
            if self._is_done(plan):
                break
        for sheet in self._db.rows("build/old_sheets", plan=plan.plan):
            self._db.run("build/drop_sheet", **sheet)
        return done

    def _one(self, name: str, plan: Plan) -> dict[str, Any]:
        return dict(self._db.rows(f"build/{name}", plan=plan.plan)[0])


def _range_values(value: Any) -> tuple[Any, ...]:
    return tuple(value.values()) if isinstance(value, dict) else tuple(value)


def _never_complete(plan: Plan, step: str) -> Stop:
    return Stop(
        f"Plan {plan.plan}: {step} are still incomplete after {_MAX_GENERATIONS} inserts. "
        "Nothing was counted twice; look at ClickHouse's log, then run the build again.",
        plan=plan.plan,
    )
