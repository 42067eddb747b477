"""Carry out numbered plans, one at a time, whatever they do and whoever began them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from headwater.app.build_steps import BuildSteps
from headwater.app.correct import CorrectionSteps
from headwater.app.erase import EraseSteps
from headwater.app.erase_keys import Key
from headwater.app.plan_books import PlanBooks, PlanDone
from headwater.app.reload import ReloadSteps
from headwater.app.retire import RetireSteps
from headwater.app.shadows import sweep
from headwater.app.truncate import TruncateSteps
from headwater.core.plans import Plan, PlanKind, Proposal
from headwater.ports import Clock, Database


@dataclass(slots=True)
class Built:
    """The plans that one run carried out."""

    plans: list[PlanDone] = field(default_factory=list)

    @property
    def facts(self) -> int:
        """Facts added over all plans."""
        return sum(done.facts for done in self.plans)

    @property
    def corrected(self) -> int:
        """Facts that were corrected over all plans."""
        return sum(done.corrected for done in self.plans)


class PlanRunner:
    """Finishes the plan that is under way, then those that are proposed."""

    def __init__(self, database: Database, clock: Clock, key: Key | None = None) -> None:
        self._db = database
        self._clock = clock
        self._key = key
        self._books = PlanBooks(database, clock)

    def run(
        self,
        propose: Callable[[int], Proposal | None],
        tell: Callable[[PlanDone], None] = lambda _done: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Built:
        """Carry out plans until `propose(last plan)` has nothing more to do, or `stop()` says so between two of them.

        `tell` hears of every finished plan.

        Safe to run again, to kill at any point and to run twice at once.
        """
        built = Built()
        while not stop() and (plan := self._next(propose)) is not None:
            done = self._carry_out(plan)
            if done is not None:
                built.plans.append(done)
                tell(done)
        return built

    def _next(self, propose: Callable[[int], Proposal | None]) -> Plan | None:
        while True:
            last = self._books.last()
            if last is not None and not last[1]:
                return last[0]
            number = last[0].plan if last is not None else 0
            proposal = propose(number)
            if proposal is None:
                return None
            if (claimed := self._books.claim(number + 1, proposal)) is not None:
                return claimed

    def _carry_out(self, plan: Plan) -> PlanDone | None:
        sweep(self._db, plan.plan)
        if plan.kind is PlanKind.BUILD:
            return BuildSteps(self._db, self._clock, self._books, self._key).carry_out(plan)
        if plan.kind is PlanKind.ERASE:
            return EraseSteps(self._db, self._clock, self._books, self._key).carry_out(plan)
        if plan.kind is PlanKind.RELOAD:
            return ReloadSteps(self._db, self._clock, self._books).carry_out(plan)
        if plan.kind in (PlanKind.TRUNCATE_WAREHOUSE, PlanKind.TRUNCATE_ALL):
            return TruncateSteps(self._db, self._books).carry_out(plan)
        if plan.kind is PlanKind.RETIRE:
            return RetireSteps(self._db, self._books).carry_out(plan)
        return CorrectionSteps(self._db, self._clock, self._books).carry_out(plan)
