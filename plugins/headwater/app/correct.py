"""Correct days that are built: missing parts that came later, and facts that stand twice.

A correction is a plan in the sequence of the builds, so that only one of them is ever under way. It writes down what it
changes, makes the days anew in shadows, checks them, and swaps them in; whoever finds it unfinished does it again.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from headwater.app.plan_books import MAX_GENERATIONS, PlanBooks, PlanDone, never_complete
from headwater.app.shadows import sweep
from headwater.app.swaps import Swaps
from headwater.core.corrections import MAX_DAYS, MAX_IDS, DueDay, first_days, pieces_for
from headwater.core.plans import Plan, PlanKind, Proposal
from headwater.ports import Clock, Database

SHEET = "corrections"
DUPLICATES_SINCE = timedelta(days=1)


class CorrectionSteps:
    """Carries out plans of the kinds `correct` and `rebuild`."""

    def __init__(self, database: Database, clock: Clock, books: PlanBooks) -> None:
        self._db = database
        self._books = books
        self._swaps = Swaps(database, clock, books)

    def carry_out(self, plan: Plan) -> PlanDone | None:
        """Run every step of the plan; None when another worker has finished it meanwhile."""
        days = self._write_sheets(plan)
        if days and not self._swaps.swap(plan, days):
            return None
        carry_waiting(self._db, self._books, plan)
        if self._books.is_done(plan):
            return None
        done = self._books.finish(plan, outcome(self._db, plan))
        sweep(self._db, plan.plan + 1)
        return done

    def _write_sheets(self, plan: Plan) -> list[date]:
        """Write down what the plan changes, once for all who work on it; returns the days to make anew."""
        write_sheet(self._db, self._books, plan, "correct/sheet", range(plan.pieces))
        if plan.kind is PlanKind.REBUILD:
            pieces = range(plan.pieces, 2 * plan.pieces)
            write_sheet(self._db, self._books, plan, "correct/sheet_of_staging", pieces)
        changed = self._db.rows("correct/sheet_days", plan=plan.plan, sheet=SHEET)
        if any(row["removed"] for row in changed):
            self._books.until_none_missing(plan, ["correct/quarantine"], lambda: self._not_quarantined(plan))
        return list(plan.days) if plan.kind is PlanKind.REBUILD else [row["day"] for row in changed]

    def _not_quarantined(self, plan: Plan) -> int:
        row = outcome(self._db, plan)
        return int(row["removed"]) - int(row["quarantined"])


def write_sheet(database: Database, books: PlanBooks, plan: Plan, name: str, pieces: range, **more: object) -> None:
    """Write the pieces of a work sheet, each in one insert that closes it; once complete it stays as it is."""
    for generation in range(MAX_GENERATIONS):
        standing = {row["piece"] for row in database.rows("correct/sheet_ends", plan=plan.plan, sheet=SHEET)}
        if standing.issuperset(pieces) or (generation and books.is_done(plan)):
            return
        for piece in pieces:
            if piece not in standing:
                database.run(
                    name,
                    token=plan.token(f"{name}:{piece}", generation),
                    plan=plan.plan,
                    before=plan.plan - 1,
                    days=list(plan.days),
                    ids=[str(event) for event in plan.ids],
                    pieces=len(pieces),
                    piece=piece - pieces.start,
                    mark=piece,
                    sheet=SHEET,
                    **more,
                )
    raise never_complete(plan, name)


def carry_waiting(database: Database, books: PlanBooks, plan: Plan) -> None:
    """Write the waiting set after a plan that is no build."""

    def missing() -> int:
        row = outcome(database, plan)
        # An erasure that is taken up again may have dropped the set before its own, which stands then.
        return max(0, int(row["waiting_sets_before"]) - int(row["waiting_sets"]))

    books.until_none_missing(plan, ["correct/carry_waiting"], missing)


def outcome(database: Database, plan: Plan) -> dict[str, Any]:
    """What a plan that is no build has changed, and what waits after it."""
    return dict(database.rows("correct/outcome", plan=plan.plan)[0])


def propose_correction(database: Database, clock: Clock) -> Proposal | None:
    """The days for which parts came that their facts lack; None when there are none."""
    as_of = clock.now()
    due = [
        DueDay(row["day"], int(row["events"]), int(row["rows"])) for row in database.rows("correct/due", as_of=as_of)
    ]
    if not due:
        return None
    chosen = first_days(due)
    pieces = pieces_for(sum(day.events for day in chosen))
    return Proposal(PlanKind.CORRECT, as_of, days=tuple(day.day for day in chosen), pieces=pieces)


def propose_removal(database: Database, clock: Clock, since: timedelta = DUPLICATES_SINCE) -> Proposal | None:
    """The days of ids that stand twice, of facts created lately; None when every id stands once."""
    as_of = clock.now()
    days: set[date] = set()
    ids: list[UUID] = []
    for row in database.rows("correct/duplicates", since=as_of - since, rows=MAX_IDS):
        if ids and len(days | set(row["days"])) > MAX_DAYS:
            break
        days |= set(row["days"])
        ids.append(row["event_id"])
    return Proposal(PlanKind.CORRECT, as_of, days=tuple(sorted(days)), ids=tuple(ids)) if ids else None
