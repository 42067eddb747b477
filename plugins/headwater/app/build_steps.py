"""The steps of a build: visits, matching, facts, quarantine, what waits, and for which incomplete facts parts came."""

from __future__ import annotations

from typing import Any

from headwater.app.plan_books import MAX_GENERATIONS, PlanBooks, PlanDone, never_complete
from headwater.core.plans import Plan, slices
from headwater.ports import Database


class BuildSteps:
    """Carries out plans of the kind `build`."""

    def __init__(self, database: Database, books: PlanBooks) -> None:
        self._db = database
        self._books = books

    def carry_out(self, plan: Plan) -> PlanDone | None:
        """Run every step of the plan; None when another builder has finished it meanwhile."""
        repeat, is_done = self._books.until_none_missing, self._books.is_done
        repeat(plan, ["build/visits_device", "build/visits_geo"], lambda: self._missing_visits(plan))
        repeat(plan, ["build/match"], lambda: self._missing_matches(plan))
        if is_done(plan) or not self._write_facts(plan):
            return None
        repeat(plan, ["build/quarantine"], lambda: self._missing_quarantine(plan))
        repeat(plan, ["build/waiting"], lambda: 1 - int(self._one("outcome", plan)["waiting_sets"]))
        repeat(plan, ["build/arrivals"], lambda: 1 - int(self._one("outcome", plan)["arrival_sets"]))
        if is_done(plan):
            return None
        return self._books.finish(plan, self._one("outcome", plan))

    def _write_facts(self, plan: Plan) -> bool:
        """Insert what the facts lack of the plan; False when the plan was finished meanwhile."""
        for generation in range(MAX_GENERATIONS):
            days = self._db.rows("build/matched_days", plan=plan.plan)
            wanted = {row["day"]: int(row["facts"]) for row in days}
            if all(int(row["built"]) == wanted[row["day"]] for row in days):
                return True
            if generation and self._books.is_done(plan):
                return False
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
        raise never_complete(plan, "facts")

    def _missing_visits(self, plan: Plan) -> int:
        return int(self._one("visits_missing", plan)["missing"])

    def _missing_matches(self, plan: Plan) -> int:
        row = self._one("match_due", plan)
        return int(row["taken_events"]) + int(row["was_waiting"]) - int(row["matched"])

    def _missing_quarantine(self, plan: Plan) -> int:
        row = self._one("outcome", plan)
        return int(row["conflicts"]) + int(row["closed"]) - int(row["quarantined"])

    def _one(self, name: str, plan: Plan) -> dict[str, Any]:
        return dict(self._db.rows(f"build/{name}", plan=plan.plan)[0])
