"""Turns at the swaps of a plan: two workers that swap the same day at once would leave the rows of both.

A turn is claimed like a plan. Who takes one drops the shadows of everybody else, so that the one before can swap no
more, and looks before its own swaps whether a later turn was taken.
"""

from __future__ import annotations

import time

from headwater.app.plan_books import MAX_GENERATIONS, PlanBooks
from headwater.core.plans import Plan
from headwater.errors import Stop
from headwater.ports import Clock, Database

_PATIENCE_S = 300.0
_POLL_S = 0.2


class Turns:
    """The turns at the swaps of plans."""

    def __init__(self, database: Database, clock: Clock, books: PlanBooks) -> None:
        self._db = database
        self._clock = clock
        self._books = books

    def take(self, plan: Plan, attempt: str) -> int:
        """Take the next turn, also from a worker that has one and may be dead; 0 when another was faster."""
        turn = self._last(plan)[0] + 1
        for generation in range(MAX_GENERATIONS):
            self._db.run(
                "correct/take_turn",
                token=plan.token(f"turn:{turn}", generation),
                plan=plan.plan,
                turn=turn,
                attempt=attempt,
                taken_at=self._clock.now(),
            )
            standing, holder = self._last(plan)
            if standing >= turn:
                return turn if holder == attempt else 0
        raise Stop(f"Plan {plan.plan}: the table ops.turns keeps no turn. Check ClickHouse's disk and log.")

    def holds(self, plan: Plan, attempt: str) -> bool:
        """Whether the attempt has the last turn."""
        return self._last(plan)[1] == attempt

    def wait_until_done(self, plan: Plan) -> bool:
        """Leave the plan to the one whose turn it is; False when it has not finished the plan for minutes."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            if self._books.is_done(plan):
                return True
            time.sleep(_POLL_S)
        return False

    def _last(self, plan: Plan) -> tuple[int, str]:
        rows = self._db.rows("correct/last_turn", plan=plan.plan)
        return (int(rows[0]["turn"]), str(rows[0]["attempt"])) if rows else (0, "")
