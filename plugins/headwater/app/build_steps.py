"""The steps of a build: visits, matching, facts, interactions, quarantine, what waits, and where parts came late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from headwater.app.erase_keys import Key, demand_key
from headwater.app.plan_books import MAX_GENERATIONS, PlanBooks, PlanDone
from headwater.app.shadows import BUILT
from headwater.app.swaps import Swaps
from headwater.contracts.streams import STREAMS
from headwater.core.claims_sql import staged_sql
from headwater.core.corrections import DueDay, first_days
from headwater.core.personal_data import STAGED, delete_rows, of_erased
from headwater.core.plans import Plan, slices
from headwater.ports import Clock, Database, Row

_BROWSER = STREAMS["browser"].topic


class BuildSteps:
    """Carries out plans of the kind `build`."""

    def __init__(self, database: Database, clock: Clock, books: PlanBooks, key: Key | None = None) -> None:
        self._db = database
        self._books = books
        self._swaps = Swaps(database, clock, books)
        self._key = key
        self._mended = 0

    def carry_out(self, plan: Plan) -> PlanDone | None:
        """Run every step of the plan; None when another builder has finished it meanwhile."""
        repeat, is_done = self._books.until_none_missing, self._books.is_done
        kept_out = self._keep_out(plan)
        repeat(plan, ["build/known_visits"], lambda: 1 - int(self._one("known_visits_found", plan)["is_whole"]))
        repeat(plan, ["build/visits_device", "build/visits_geo"], lambda: self._missing_visits(plan))
        repeat(plan, ["build/match"], lambda: self._missing_matches(plan))
        if is_done(plan) or not self._write_facts(plan):
            return None
        repeat(plan, ["build/interactions"], lambda: int(self._one("interactions_missing", plan)["missing"]))
        repeat(plan, ["build/quarantine"], lambda: self._missing_quarantine(plan))
        repeat(plan, ["build/waiting"], lambda: 1 - int(self._one("outcome", plan)["waiting_sets"]))
        repeat(plan, ["build/arrivals"], lambda: 1 - int(self._one("outcome", plan)["arrival_sets"]))
        if kept_out:
            self._take_out(plan)
        if is_done(plan):
            return None
        done = self._books.finish(plan, {**self._one("outcome", plan), "mended": self._mended})
        if kept_out:
            for sheet in ("known_visits", "matched", "kept_out"):
                self._db.run("build/drop_sheet", sheet=sheet, plan=plan.plan)
        return done

    def _write_facts(self, plan: Plan) -> bool:
        """Insert the facts of the plan; False when the plan was finished meanwhile.

        The inserts are sent whatever stands there, because a worker that died may have left the tables behind that are
        fed by views; what stands is skipped by its token. Only a stop of ClickHouse breaks that promise, for it logs a
        token before it shows the part: then the days are made anew.
        """
        wanted = {row["day"]: int(row["facts"]) for row in self._days(plan)}
        for part in slices(wanted):
            self._db.run(
                "build/facts",
                token=plan.token(f"facts:{part.pieces}:{part.piece}", 0),
                plan=plan.plan,
                first_day=part.first_day,
                last_day=part.last_day,
                pieces=part.pieces,
                piece=part.piece,
            )
        days = self._days(plan)
        if all(row["built"] == row["facts"] for row in days) and not self._books.was_interrupted(plan):
            return True
        return not self._books.is_done(plan) and self._mend(plan, [row["day"] for row in days])

    def _mend(self, plan: Plan, days: Sequence[date]) -> bool:
        """Make the days of the plan anew, facts and everything derived; False when it was finished meanwhile."""
        stored = self._db.rows("correct/day_rows", database="analytics", table="fact_events", days=list(days))
        rows = {row["day"]: int(row["rows"]) for row in stored}
        left = [DueDay(day, 0, rows.get(day, 0)) for day in days]
        while chosen := first_days(left):
            left = left[len(chosen) :]
            if not self._swaps.swap(plan, [due.day for due in chosen], BUILT):
                return False
        self._mended = len(days)
        return True

    def _days(self, plan: Plan) -> Sequence[Row]:
        return self._db.rows("build/matched_days", plan=plan.plan)

    def _keep_out(self, plan: Plan) -> bool:
        """Write down the visits of erased persons that the plan brings again; whether there are any."""
        if not self._db.rows("erase/key_ids"):
            return False
        key = demand_key(self._db, self._key)

        def missing() -> int:
            return 1 - int(self._db.rows("erase/kept_out_found", plan=plan.plan)[0]["ends"])

        if missing():
            self._books.until_none_missing(plan, ["erase/kept_out"], missing, **key.parameters)
        return int(self._db.rows("erase/kept_out_found", plan=plan.plan)[0]["clicks"]) > 0

    def _take_out(self, plan: Plan) -> None:
        """Remove from staging what the plan has kept out."""
        for generation in range(MAX_GENERATIONS):
            booked = self._db.run(
                "erase/book_kept_out", token=plan.token("erase/book_kept_out", generation), plan=plan.plan
            )
            if generation and not booked:
                break
        for table in STAGED:
            self._db.statements([delete_rows(table, of_erased("staged", plan.plan, earlier=True), plan.plan)])
        visits = f"click_id IN (SELECT click_id FROM ops.kept_out WHERE plan = {plan.plan} AND NOT is_end)"  # noqa: S608
        self._db.statements([delete_rows("ops.visits", visits, plan.plan)])

    def _missing_visits(self, plan: Plan) -> int:
        return int(self._one("visits_missing", plan)["missing"])

    def _missing_matches(self, plan: Plan) -> int:
        staged = self._db.query(staged_sql(_BROWSER, plan.ranges))[0]["staged"]
        row = self._one("match_due", plan)
        return int(staged) - int(row["erased"]) + int(row["was_waiting"]) - int(row["matched"])

    def _missing_quarantine(self, plan: Plan) -> int:
        row = self._one("outcome", plan)
        return int(row["conflicts"]) + int(row["closed"]) - int(row["quarantined"])

    def _one(self, name: str, plan: Plan) -> dict[str, Any]:
        return dict(self._db.rows(f"build/{name}", plan=plan.plan)[0])
