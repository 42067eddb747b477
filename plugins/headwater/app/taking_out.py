"""What plans have in common that take rows out of staging, facts and what belongs to them: their books.

What will go is counted by place, and the places in Kafka of the messages are written down, before anything goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from headwater.app.plan_books import MAX_GENERATIONS, PlanBooks, never_complete
from headwater.core.personal_data import delete_rows, of_erased
from headwater.core.plans import Plan
from headwater.ports import Database, Row


@dataclass(frozen=True, slots=True)
class TakenOut:
    """Rows per place that went, or that would go."""

    rows: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> TakenOut:
        """Sum rows of `place` and `rows`."""
        places: dict[str, int] = {}
        for row in rows:
            places[row["place"]] = places.get(row["place"], 0) + int(row["rows"])
        return cls(places)


def taken_out(database: Database, requests: Sequence[UUID]) -> TakenOut:
    """What plans have taken out for some requests."""
    return TakenOut.of(row for request in requests for row in database.rows("erase/done", request=request))


def book_counts(database: Database, books: PlanBooks, plan: Plan, found: Callable[[], Sequence[Row]]) -> None:
    """Book what will go: rows of `place`, `build` and `rows`."""
    for generation in range(MAX_GENERATIONS):
        if outcome(database, plan)["counted"] or books.is_done(plan):
            return
        counts = [(row["place"], int(row["build"]), int(row["rows"])) for row in found()]
        token = plan.token("book_counts", generation)
        database.run("reload/book_counts", token=token, plan=plan.plan, request=plan.ids[0], found=counts)
    raise never_complete(plan, "counts")


def book_messages(database: Database, plan: Plan, steps: Sequence[str], **parameters: object) -> None:
    """Book the places in Kafka of the messages that leave the tables; each step leaves out what is booked."""
    for generation in range(MAX_GENERATIONS):
        booked = [
            database.run(step, token=plan.token(step, generation), plan=plan.plan, **parameters) for step in steps
        ]
        if generation and not any(booked):
            return


def delete_booked(database: Database, plan: Plan, table: str) -> None:
    """Delete the rows of a table whose places in Kafka the plan has booked."""
    place = "dead_letter" if table == "ops.dead_letters" else "staged"
    database.statements([delete_rows(table, of_erased(place, plan.plan, earlier=False), plan.plan)])


def outcome(database: Database, plan: Plan) -> Mapping[str, int]:
    """What the plan changed, and what waits after it and waited before."""
    row = database.rows("reload/outcome", plan=plan.plan, before=plan.plan - 1)[0]
    return {name: int(value) for name, value in row.items()}


def write_waiting(database: Database, books: PlanBooks, plan: Plan, step: str, **parameters: object) -> None:
    """Write the waiting set after the plan; once it stands it stays as it is."""

    def missing() -> int:
        row = outcome(database, plan)
        return max(0, row["waiting_sets_before"] - row["waiting_sets"])

    if missing():
        books.until_none_missing(plan, [step], missing, **parameters)
