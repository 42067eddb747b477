"""Shadow tables: what a correction makes of some days, checked before it takes the place of the live days.

Nothing else than a swap can harm what later plans write, and nothing but a shadow can be swapped in. Shadows are named
for their plan and attempt; whoever begins a plan removes those of earlier plans first, so that the swap of a worker
that slept finds no source.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from headwater.core.corrections import create_shadow, empty_days, shadow_name, swap_days
from headwater.core.day_tables import DAY_TABLES, FACTS, DayTable
from headwater.errors import Retry, Stop
from headwater.ports import Database

INCOMPLETE = "ops.incomplete"
_SWAP_PATIENCE_S = 60.0
_POLL_S = 0.05
# A dry run whose tables are that old was killed.
_LEFT_AFTER_S = 3600
_CHECKED = {
    "hourly": "analytics.agg_events_hourly", "traffic": "analytics.agg_traffic_sources", "users": "ops.user_days",
    "places": "ops.geo_days", "incomplete": INCOMPLETE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """The statements that fill and check the shadow of the facts, and the work sheet that they read."""

    fill: str
    check: str
    sheet: str


CORRECTED = Recipe("correct/fill_facts", "correct/check_facts", "corrections")
BUILT = Recipe("build/fill_facts", "build/check_facts", "matched")


class Shadows:
    """The shadows of one attempt at a plan: facts and every table that is derived from them by day."""

    def __init__(self, database: Database, plan: int, days: Sequence[date], recipe: Recipe = CORRECTED) -> None:
        self._db = database
        self._plan = plan
        self._days = list(days)
        self._recipe = recipe
        self.attempt = uuid4().hex[:12]

    def name(self, table: str) -> str:
        """Name of the shadow of a table, in `ops`."""
        return shadow_name(self._plan, self.attempt, table)

    def fill(self) -> None:
        """Make the shadow of the facts from the live days and the work sheet, then every other from that one."""
        selects = {row["view"]: row["as_select"] for row in self._db.rows("correct/view_selects")}
        self._create(FACTS)
        self._db.run(self._recipe.fill, **self._parameters())
        for table in DAY_TABLES:
            self._create(table.table)
            source, target = f"ops.{self.name(FACTS)}", f"ops.{self.name(table.table)}"
            self._db.statements([table.rebuild(_select_of(table, selects), source, target)])
        shadow = self.name(INCOMPLETE)
        self._db.run("correct/keep_days", shadow=shadow, plan=self._plan, days=self._days)

    @property
    def days(self) -> list[date]:
        """The days that are made anew."""
        return list(self._days)

    def faults(self) -> list[str]:
        """What is wrong with the shadows; they must not be swapped in when there is anything."""
        changed = self._db.rows(self._recipe.check, **self._parameters())
        shadows = {role: self.name(table) for role, table in _CHECKED.items()}
        differing = self._db.rows("correct/check_aggregates", facts=self.name(FACTS), days=self._days, **shadows)
        return [f"facts {dict(row)}" for row in changed] + [f"aggregates {dict(row)}" for row in differing]

    def rows(self, table: str) -> dict[date, int]:
        """Rows per day of the shadow of a table."""
        return self._rows("ops", self.name(table))

    def live_rows(self, table: str) -> dict[date, int]:
        """Rows per day of a table as it is now."""
        database, _, name = table.partition(".")
        return self._rows(database, name)

    def swap(self) -> None:
        """Put the days in place, table by table: first the facts, then what is derived from them.

        Readers may see the tables disagree for that moment.
        """
        if missing := set(map(self.name, every_table())) - {row["name"] for row in self._db.rows("correct/shadows")}:
            raise Retry(f"Shadows are gone: {', '.join(sorted(missing))}. Somebody finished the plan or dropped them.")
        for table in every_table():
            made, live = self.rows(table), self.live_rows(table)
            if replaced := [day for day in self._days if day in made]:
                self._db.statements([swap_days(self.name(table), table, replaced)])
            if emptied := [day for day in self._days if day in live and day not in made]:
                self._db.statements([empty_days(table, emptied, self._plan)])

    def drop(self) -> None:
        """Remove the shadows of this attempt."""
        for table in every_table():
            self._db.run("correct/drop_shadow", shadow=self.name(table))

    def _parameters(self) -> dict[str, Any]:
        return {"shadow": self.name(FACTS), "plan": self._plan, "days": self._days, "sheet": self._recipe.sheet}

    def _create(self, table: str) -> None:
        self._db.statements([create_shadow(self.name(table), table)])

    def _rows(self, database: str, table: str) -> dict[date, int]:
        rows = self._db.rows("correct/day_rows", database=database, table=table, days=self._days)
        return {row["day"]: int(row["rows"]) for row in rows}


def every_table() -> list[str]:
    """Facts and the tables derived from them by day, in the order in which they are swapped."""
    return [FACTS, *(table.table for table in DAY_TABLES)]


def sweep(database: Database, before: int) -> None:
    """Remove every shadow of the plans below `before`, and wait until no swap of one is under way.

    Dry runs (plan 0) go on beside plans: nothing of theirs is ever swapped in, so theirs go only when they were left
    behind. After this no worker of those plans that are done can change anything: what it makes anew stays empty, for
    its statements look whether the plan is done. Raises `Retry` when a swap does not end.
    """
    while stale := [
        row["name"]
        for row in database.rows("correct/shadows")
        if int(row["plan"]) < before and (int(row["plan"]) or int(row["age_s"]) >= _LEFT_AFTER_S)
    ]:
        for name in stale:
            database.run("correct/drop_shadow", shadow=name)
    deadline = time.monotonic() + _SWAP_PATIENCE_S
    while int(database.rows("correct/swaps_under_way")[0]["swaps"]):
        if time.monotonic() > deadline:
            raise Retry("A swap of a day takes over a minute. Look at system.processes, then run the build again.")
        time.sleep(_POLL_S)


def _select_of(table: DayTable, selects: dict[str, str]) -> str:
    """The text of the view that feeds a table. Raises `Stop` when the view is gone."""
    if table.view not in selects:
        raise Stop(f"The view {table.view} is not there, so {table.table} cannot be rebuilt. Run `headwater migrate`.")
    return selects[table.view]
