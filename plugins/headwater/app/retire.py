"""Retire days whose facts have been kept long enough: the facts go, what was counted of them stays.

The device and geo parts of visits go with the last of their facts.
"""

from __future__ import annotations

from datetime import date, timedelta

from headwater.app.correct import carry_waiting, outcome
from headwater.app.plan_books import PlanBooks, PlanDone
from headwater.app.shadows import INCOMPLETE
from headwater.core.corrections import empty_days
from headwater.core.day_tables import FACTS
from headwater.core.plans import Plan, PlanKind, Proposal
from headwater.ports import Clock, Database

FACTS_KEPT = timedelta(days=365)


class RetireSteps:
    """Carries out plans of the kind `retire`."""

    def __init__(self, database: Database, books: PlanBooks) -> None:
        self._db = database
        self._books = books

    def carry_out(self, plan: Plan) -> PlanDone | None:
        """Book the days with the facts they hold, empty them, and remove the parts of visits that nothing uses.

        None when another worker has finished the plan.
        """
        days = list(plan.days)
        self._books.until_none_missing(plan, ["correct/close_days"], lambda: self._not_booked(plan), days=days)
        for table in (FACTS, INCOMPLETE):
            if held := self._held(table, days):
                self._db.statements([empty_days(table, held, plan.plan)])
        self._db.run("correct/delete_visits", plan=plan.plan, kept_days=FACTS_KEPT.days)
        carry_waiting(self._db, self._books, plan)
        if self._books.is_done(plan):
            return None
        return self._books.finish(plan, outcome(self._db, plan))

    def _not_booked(self, plan: Plan) -> int:
        return len(plan.days) - len(self._db.rows("correct/closed", plan=plan.plan))

    def _held(self, table: str, days: list[date]) -> list[date]:
        database, _, name = table.partition(".")
        return [row["day"] for row in self._db.rows("correct/day_rows", database=database, table=name, days=days)]


def propose_retirement(database: Database, clock: Clock, kept: timedelta = FACTS_KEPT) -> Proposal | None:
    """The days of which every fact was created before `kept`; None when there are none."""
    as_of = clock.now()
    days = tuple(row["day"] for row in database.rows("correct/retirable", before=as_of - kept))
    return Proposal(PlanKind.RETIRE, as_of, days=days) if days else None
