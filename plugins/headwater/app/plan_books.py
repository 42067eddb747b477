"""The books of the numbered plans: which is the last, who may do what it says, and what became of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC
from typing import Any
from uuid import uuid4

from headwater.core.plans import Plan, PlanKind, Proposal, TakenRange
from headwater.errors import Stop
from headwater.ports import Clock, Database, Row

MAX_GENERATIONS = 8
# Steps that leave out in a later generation what an earlier one has brought.
_REPAIRED = ("build/visits", "build/interactions")


@dataclass(frozen=True, slots=True)
class PlanDone:
    """What became of one plan: taken + was_waiting = facts + repeats + conflicts + closed + erased + waiting."""

    plan: int
    kind: PlanKind = PlanKind.BUILD
    taken: int = 0
    was_waiting: int = 0
    facts: int = 0
    incomplete: int = 0
    repeats: int = 0
    conflicts: int = 0
    closed: int = 0
    waiting: int = 0
    waiting_parts: int = 0
    corrected: int = 0
    added: int = 0
    removed: int = 0
    retired: int = 0
    mended: int = 0
    erased: int = 0
    erased_facts: int = 0
    erased_quarantined: int = 0


COUNTS = tuple(field.name for field in fields(PlanDone) if field.name not in ("plan", "kind"))


class PlanBooks:
    """Reads and writes `ops.plans` and `ops.plans_done`, and repeats steps until their rows stand."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        self._member = f"{socket.gethostname()}/{os.getpid()}"

    def last(self) -> tuple[Plan, bool] | None:
        """The last plan that was claimed, and whether it is done."""
        rows = self._db.rows("build/last_plan")
        return _plan(rows[0]) if rows else None

    def claim(self, number: int, proposal: Proposal) -> Plan | None:
        """Claim a number; returns the unfinished plan that stands now, which may be another worker's.

        None when others have finished it already. The engine may lose a claim whose token it had logged in a crash,
        so a number is claimed under later generations until something stands there.
        """
        for generation in range(MAX_GENERATIONS):
            plan_id = uuid4()
            self._db.run("build/mark", token=f"mark:{plan_id}", plan_id=plan_id)
            self._db.run(
                "build/claim_plan",
                token=f"plan:{number}" + (f":{generation}" if generation else ""),
                plan=number,
                plan_id=plan_id,
                kind=proposal.kind.value,
                as_of=proposal.as_of,
                grace_s=proposal.grace_s,
                ranges=[(r.topic, str(r.epoch), r.partition, r.from_offset, r.to_offset) for r in proposal.ranges],
                reached=[(p.topic, str(p.epoch), p.partition, p.planned_to) for p in proposal.reached],
                days=list(proposal.days),
                ids=[str(event) for event in proposal.ids],
                pieces=proposal.pieces,
                first_ingested_at=proposal.first_ingested_at or proposal.as_of,
                last_ingested_at=proposal.last_ingested_at or proposal.as_of,
                member=self._member,
            )
            standing = self.last()
            if standing is not None and standing[0].plan >= number:
                return None if standing[1] else standing[0]
        raise Stop("The table ops.plans keeps no plan. Check ClickHouse's disk and log.")

    def was_interrupted(self, plan: Plan) -> bool:
        """Whether ClickHouse may have stopped since the plan was claimed, and lost parts whose tokens it knows.

        The mark is put down before the claim is sent and by nobody else, so one that stands was there all the time.
        """
        return not self._db.rows("build/marked", plan_id=plan.plan_id)[0]["is_marked"]

    def is_done(self, plan: Plan) -> bool:
        """Whether the plan was finished, by whomever."""
        last = self.last()
        return last is not None and (last[0].plan > plan.plan or last[1])

    def until_none_missing(
        self, plan: Plan, steps: list[str], missing: Callable[[], int], **parameters: object
    ) -> None:
        """Run the steps, count, and run them again under the next generation while something is missing.

        The engine logs a token before it shows the part, so a crash can leave a token without its rows.
        """
        for generation in range(MAX_GENERATIONS):
            for step in steps:
                more = {"generation": generation} if step.startswith(_REPAIRED) else {}
                token = plan.token(step.rpartition("/")[2], generation)
                self._db.run(step, token=token, plan=plan.plan, **parameters, **more)
            if not missing() or self.is_done(plan):
                return
        raise never_complete(plan, " and ".join(steps))

    def finish(self, plan: Plan, counts: Row) -> PlanDone:
        """Record that the plan is done, and drop the work sheets that nobody needs any more."""
        done = PlanDone(plan.plan, plan.kind, **{name: int(counts.get(name, 0)) for name in COUNTS})
        values: dict[str, Any] = {name: getattr(done, name) for name in COUNTS}
        for generation in range(MAX_GENERATIONS):
            token, done_at = plan.token("done", generation), self._clock.now()
            self._db.run("build/finish", token=token, plan=plan.plan, plan_id=plan.plan_id, done_at=done_at, **values)
            if self.is_done(plan):
                break
        for sheet in self._db.rows("build/old_sheets", plan=plan.plan):
            self._db.run("build/drop_sheet", **sheet)
        return done


def never_complete(plan: Plan, step: str) -> Stop:
    """The error of a step whose rows do not stay."""
    return Stop(
        f"Plan {plan.plan}: {step} are still incomplete after {MAX_GENERATIONS} inserts. "
        "Nothing was counted twice; look at ClickHouse's log, then run the build again.",
        plan=plan.plan,
    )


def _plan(row: Row) -> tuple[Plan, bool]:
    values = dict(row)
    is_done = bool(values.pop("is_done"))
    values["kind"] = PlanKind(values["kind"])
    values["ranges"] = tuple(TakenRange(*_range_values(r)) for r in values["ranges"])
    values["days"], values["ids"] = tuple(values["days"]), tuple(values["ids"])
    for name in ("as_of", "first_ingested_at", "last_ingested_at"):
        values[name] = values[name].replace(tzinfo=UTC)
    return Plan(**values), is_done


def _range_values(value: Any) -> tuple[Any, ...]:
    return tuple(value.values()) if isinstance(value, dict) else tuple(value)
