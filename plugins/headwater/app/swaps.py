"""Put days made anew in the place of the live ones, by one worker at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from headwater.app.plan_books import PlanBooks
from headwater.app.shadows import CORRECTED, Recipe, Shadows, sweep
from headwater.app.turns import Turns
from headwater.core.plans import Plan
from headwater.errors import HeadwaterError, Stop
from headwater.ports import Clock, Database


class Swaps:
    """The last step of every plan that changes days which stand."""

    def __init__(self, database: Database, clock: Clock, books: PlanBooks) -> None:
        self._db = database
        self._books = books
        self._turns = Turns(database, clock, books)

    def swap(self, plan: Plan, days: Sequence[date], recipe: Recipe = CORRECTED) -> bool:
        """Make the days in shadows, check them and put them in place; False when the plan was finished meanwhile."""
        while not self._attempt(plan, days, recipe):
            if self._turns.wait_until_done(plan):
                return False
        return True

    def _attempt(self, plan: Plan, days: Sequence[date], recipe: Recipe) -> bool:
        """Swap as the one whose turn it is; False when it became another's."""
        shadows = Shadows(self._db, plan.plan, days, recipe)
        turn = self._turns.take(plan, shadows.attempt)
        if not turn:
            return False
        try:
            sweep(self._db, plan.plan + 1)
            if turn > 1:
                self._clear_halves(days)
            shadows.fill()
            faults = shadows.faults()
            if self._is_over(plan, shadows):
                return False
            if faults:
                raise Stop(
                    f"Plan {plan.plan}: the corrected days do not add up, and nothing was swapped in: {faults[:5]}. "
                    "Keep the tables as they are and look at these days.",
                    plan=plan.plan,
                )
            shadows.swap()
            return not self._is_over(plan, shadows)
        except HeadwaterError:
            if self._is_over(plan, shadows):  # its shadows were removed by the one who came after it
                return False
            raise
        finally:
            shadows.drop()

    def _clear_halves(self, days: Sequence[date]) -> None:
        """Take out what a swap left that ClickHouse died in: it brings the new parts before it hides the old ones."""
        for row in self._db.rows("correct/doubled_days", days=list(days)):
            self._db.run("correct/deduplicate", day=row["day"])

    def _is_over(self, plan: Plan, shadows: Shadows) -> bool:
        return self._books.is_done(plan) or not self._turns.holds(plan, shadows.attempt)
