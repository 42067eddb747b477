"""Rebuild days on purpose: facts from staging where it still holds them, and everything derived from the facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import uuid4

from headwater.app.erase_keys import Key
from headwater.app.plan_books import PlanBooks, PlanDone
from headwater.app.plan_runner import Built, PlanRunner
from headwater.app.shadows import CORRECTED, Shadows
from headwater.core.corrections import DueDay, count_rows, create_shadow, first_days, pieces_for, shadow_name
from headwater.core.day_tables import DAY_TABLES, FACTS
from headwater.core.plans import PlanKind, Proposal
from headwater.errors import FixSettings
from headwater.ports import Clock, Database


@dataclass(frozen=True, slots=True)
class TableChange:
    """One table over the days of a preview: its rows now and after the rebuild, and the days on which they differ."""

    table: str
    now: int
    after: int
    days: tuple[date, ...]


@dataclass(slots=True)
class Preview:
    """What a rebuild would do: facts that would change or come back, and every table that differs."""

    days: list[date] = field(default_factory=list)
    corrected: int = 0
    added: int = 0
    tables: dict[str, TableChange] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class Rebuild:
    """Rebuilds the days between two dates, in plans of the sequence of the builds."""

    def __init__(self, database: Database, clock: Clock, key: Key | None = None) -> None:
        self._db = database
        self._clock = clock
        self._key = key
        self._books = PlanBooks(database, clock)

    def run(self, first: date, last: date, tell: Callable[[PlanDone], None] = lambda _done: None) -> Built:
        """Finish what is under way, then rebuild the days; raises `FixSettings` when one of them is retired."""
        since = self._clock.now()
        days = self._days(first, last)
        return PlanRunner(self._db, self._clock, self._key).run(lambda _number: self._next(days, since), tell)

    def preview(self, first: date, last: date) -> Preview:
        """Make the days anew in shadows beside the plans, compare them with the live ones, and drop them again."""
        preview = Preview()
        days = self._days(first, last)
        while chosen := first_days(days):
            days = days[len(chosen) :]
            self._compare([day.day for day in chosen], pieces_for(sum(day.rows for day in chosen)), preview)
        return preview

    def _days(self, first: date, last: date) -> list[DueDay]:
        rows = self._db.rows("correct/rebuildable", first_day=first, last_day=last)
        if closed := [str(row["day"]) for row in rows if row["is_closed"]]:
            raise FixSettings(
                f"The facts of {', '.join(closed[:5])}{' …' if len(closed) > 5 else ''} are retired; what was counted "
                "of them stays as it is. Choose days that are kept.",
                closed=closed,
            )
        return [DueDay(row["day"], int(row["rows"]), int(row["rows"])) for row in rows]

    def _next(self, days: Sequence[DueDay], since: datetime) -> Proposal | None:
        done = {day for row in self._db.rows("correct/rebuilt", since=since) for day in row["days"]}
        chosen = first_days([day for day in days if day.day not in done])
        if not chosen:
            return None
        pieces = pieces_for(sum(day.rows for day in chosen))
        return Proposal(PlanKind.REBUILD, self._clock.now(), days=tuple(day.day for day in chosen), pieces=pieces)

    def _compare(self, days: list[date], pieces: int, preview: Preview) -> None:
        last = self._books.last()
        number = last[0].plan if last is not None else 0
        with self._sheet() as sheet:
            for start, name in ((0, "correct/sheet"), (pieces, "correct/sheet_of_staging")):
                for piece in range(pieces):
                    self._db.run(
                        name, plan=0, before=number, days=days, ids=[], pieces=pieces, piece=piece,
                        mark=start + piece, sheet=sheet,
                    )  # fmt: skip
            for row in self._db.rows("correct/sheet_days", plan=0, sheet=sheet):
                preview.corrected += int(row["corrected"])
                preview.added += int(row["added"])
            shadows = Shadows(self._db, 0, days, replace(CORRECTED, sheet=sheet))
            try:
                shadows.fill()
                preview.days += days
                preview.faults += shadows.faults()
                self._count(shadows, preview)
            finally:
                shadows.drop()

    @contextmanager
    def _sheet(self) -> Iterator[str]:
        """A work sheet of this preview, named like a shadow of no plan, so that it is swept when it is left behind."""
        name = shadow_name(0, uuid4().hex[:12], "ops.corrections")
        self._db.statements([create_shadow(name, "ops.corrections")])
        try:
            yield name
        finally:
            self._db.run("correct/drop_shadow", shadow=name)

    def _count(self, shadows: Shadows, preview: Preview) -> None:
        engines = {row["table"]: row["engine"] for row in self._db.rows("correct/table_engines")}
        partitions = {FACTS: "toDate(event_timestamp)", **{table.table: table.partition for table in DAY_TABLES}}
        for table, day in partitions.items():
            merged = engines[table].startswith("Aggregating")
            now, after = (
                {row["day"]: int(row["rows"]) for row in self._db.query(sql, {"days": shadows.days})}
                for sql in (
                    count_rows(table, day, merged=merged),
                    count_rows(f"ops.{shadows.name(table)}", day, merged=merged),
                )
            )
            before = preview.tables.get(table, TableChange(table, 0, 0, ()))
            differing = tuple(each for each in shadows.days if now.get(each, 0) != after.get(each, 0))
            preview.tables[table] = TableChange(
                table, before.now + sum(now.values()), before.after + sum(after.values()), before.days + differing
            )
