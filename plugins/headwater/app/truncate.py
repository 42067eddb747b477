"""Empty the warehouse, or all that was stored, so that a build or a load brings everything back.

A truncation is a plan in the sequence of the builds, so whoever finds it unfinished carries it out. The claims stay:
Kafka is read on where it was read up to. Clicks on products are counted by other books, and stay too.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from headwater.app.plan_books import PlanBooks, PlanDone
from headwater.app.shadows import sweep
from headwater.app.taking_out import TakenOut, book_counts, book_messages, delete_booked, outcome, write_waiting
from headwater.contracts.streams import VISIT_STREAMS
from headwater.core.day_tables import DAY_TABLES, FACTS
from headwater.core.personal_data import STAGED, delete_rows
from headwater.core.plans import Plan, PlanKind, Proposal
from headwater.errors import FixSettings
from headwater.ports import Clock, Database, Row

WORD = "truncate"
_TOPICS = [stream.topic for stream in VISIT_STREAMS.values()]
_WAREHOUSE = (
    FACTS, *(table.table for table in DAY_TABLES), "analytics.fact_interactions", "analytics.dim_users",
    "analytics.dim_geo", "ops.visits", "ops.quarantine", "ops.closed_days", "ops.arrivals",
)  # fmt: skip


class Part(StrEnum):
    """What is emptied."""

    WAREHOUSE = "warehouse"
    ALL = "all"

    @property
    def kind(self) -> PlanKind:
        """The kind of its plans."""
        return PlanKind.TRUNCATE_ALL if self is Part.ALL else PlanKind.TRUNCATE_WAREHOUSE


class TruncateSteps:
    """Carries out plans of the kinds `truncate_warehouse` and `truncate_all`."""

    def __init__(self, database: Database, books: PlanBooks) -> None:
        self._db = database
        self._books = books

    def carry_out(self, plan: Plan) -> PlanDone | None:
        """Run every step; None when another worker has finished the plan meanwhile."""
        everything = plan.kind is PlanKind.TRUNCATE_ALL
        book_counts(self._db, self._books, plan, lambda: _found(self._db, plan.plan - 1, everything=everything))
        write_waiting(self._db, self._books, plan, "truncate/nothing_waits")
        self._empty(plan, _WAREHOUSE)
        if everything:
            self._empty_staging(plan)
        else:
            self._db.run("truncate/forget_ranges", plan=plan.plan)
        if self._books.is_done(plan):
            return None
        done = self._books.finish(plan, outcome(self._db, plan))
        sweep(self._db, plan.plan + 1)
        return done

    def _empty_staging(self, plan: Plan) -> None:
        """Take out what stored claims brought, and the ledger; what open claims bring is left for later builds."""
        book_messages(self._db, plan, ["truncate/book"], topics=_TOPICS)
        for table in (*STAGED, "ops.dead_letters"):
            delete_booked(self._db, plan, table)
        streams = ", ".join(f"'{name}'" for name in VISIT_STREAMS)
        self._db.statements([delete_rows("ops.rejects", f"stream IN ({streams})", plan.plan)])
        self._empty(plan, ["ops.loaded_objects", "ops.load_progress"])

    def _empty(self, plan: Plan, tables: Sequence[str]) -> None:
        """Delete every row: unlike dropping, this keeps the tokens, so that no insert of a sleeper comes back."""
        self._db.statements(delete_rows(table, "true", plan.plan) for table in tables)


def propose_truncation(database: Database, clock: Clock, part: Part, request: UUID) -> Proposal | None:
    """The truncation, until its plan is claimed."""
    if database.rows("truncate/claimed", request=request):
        return None
    return Proposal(part.kind, clock.now(), ids=(request,))


def demand_staged(database: Database, part: Part) -> None:
    """Raise `FixSettings` when the warehouse cannot be built again from what staging holds."""
    lacking = database.rows("truncate/unstaged", topics=_TOPICS) if part is Part.WAREHOUSE else []
    if lacking:
        row = lacking[0]
        raise FixSettings(
            f"Staging holds {row['rows']:,} of the {row['booked']:,} messages of {row['topic']} that were stored: what "
            "is built is cleared after days. The warehouse could not be built again from it. Nothing was changed. "
            "Use `all`, and load everything again."
        )


def preview_truncation(database: Database, clock: Clock, part: Part) -> TakenOut:
    """Count what would go."""
    last = PlanBooks(database, clock).last()
    return TakenOut.of(_found(database, last[0].plan if last else 0, everything=part is Part.ALL))


def _found(database: Database, before: int, *, everything: bool) -> Sequence[Row]:
    return database.rows(
        "truncate/found", before=before, everything=everything, topics=_TOPICS, streams=list(VISIT_STREAMS)
    )
