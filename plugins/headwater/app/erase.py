"""Erase a person: every row that leads to them, everything counted of them, and what comes of them again.

An erasure is a plan in the sequence of the builds, so whoever finds it unfinished carries it out. The request names the
person and stands before the plan is claimed; request and keys are dropped before the plan is done. What stays are
keyed hashes, the places of the messages in Kafka, and counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from headwater.app.correct import carry_waiting, outcome
from headwater.app.erase_keys import REQUESTS, SHEET, Key, collect, count_places, demand_key
from headwater.app.plan_books import MAX_GENERATIONS, PlanBooks, PlanDone, never_complete
from headwater.app.shadows import Recipe, sweep
from headwater.app.swaps import Swaps
from headwater.core.corrections import DueDay, create_shadow, first_days, shadow_name
from headwater.core.personal_data import PLACES, RETIRED_ROWS, STAGED, Rule, condition_of, delete_rows, of_erased
from headwater.core.plans import Plan, PlanKind, Proposal
from headwater.errors import Stop
from headwater.ports import Clock, Database

ERASED = Recipe("erase/fill_facts", "erase/check_facts", SHEET)
_BOOKED = {**dict.fromkeys(STAGED, "staged"), "ops.dead_letters": "dead_letter"}


@dataclass(frozen=True, slots=True)
class Erased:
    """Rows of the person per table: those that were there, or that are there where it was only asked."""

    request: UUID | None
    rows: Mapping[str, int] = field(default_factory=dict)


class EraseSteps:
    """Carries out plans of the kind `erase`."""

    def __init__(self, database: Database, clock: Clock, books: PlanBooks, key: Key | None) -> None:
        self._db = database
        self._books = books
        self._key = key
        self._swaps = Swaps(database, clock, books)

    def carry_out(self, plan: Plan) -> PlanDone | None:
        """Run every step; None when another worker has finished the plan meanwhile."""
        request = plan.ids[0]
        if self._db.rows("erase/asked_in", requests=REQUESTS, request=request):  # else all but the end was done
            collect(self._db, plan, request)
            self._count(plan, request)
            self._bury(plan)
            if not self._take_out_facts(plan):
                return None
            self._take_out_the_rest(plan)
        carry_waiting(self._db, self._books, plan)
        if self._books.is_done(plan):
            return None
        self._forget(plan, request)
        done = self._books.finish(plan, self._counts(plan))
        sweep(self._db, plan.plan + 1)
        return done

    def _count(self, plan: Plan, request: UUID) -> None:
        """Book what will go, before anything does."""
        for generation in range(MAX_GENERATIONS):
            if int(self._db.rows("erase/counted", plan=plan.plan)[0]["ends"]) or self._books.is_done(plan):
                return
            others = [
                (place, rows)
                for place, rows in count_places(self._db, SHEET, plan.plan).items()
                if place not in ("analytics.fact_events", "ops.quarantine")
            ]
            token = plan.token("erase/counts", generation)
            self._db.run("erase/counts", token=token, plan=plan.plan, request=request, others=others)
        raise never_complete(plan, "counts")

    def _bury(self, plan: Plan) -> None:
        """Write down what keeps old events out, and which messages leave the tables."""
        key = demand_key(self._db, self._key)

        def missing() -> int:
            return max(0, int(self._db.rows("erase/tombstones_missing", plan=plan.plan)[0]["missing"]))

        self._books.until_none_missing(plan, ["erase/tombstones"], missing, **key.parameters, key_id=key.key_id)
        for generation in range(MAX_GENERATIONS):  # each leaves out what an earlier one has booked
            steps = ("erase/book_staged", "erase/book_dead_letters")
            booked = [self._db.run(step, token=plan.token(step, generation), plan=plan.plan) for step in steps]
            if generation and not any(booked):
                return

    def _take_out_facts(self, plan: Plan) -> bool:
        """Make the days of the person's facts anew without them; False when the plan was finished meanwhile."""
        left: Sequence[DueDay] = [
            DueDay(row["day"], 0, int(row["rows"])) for row in self._db.rows("erase/days", plan=plan.plan)
        ]
        while chosen := first_days(left):
            left = left[len(chosen) :]
            if not self._swaps.swap(plan, [due.day for due in chosen], ERASED):
                return False
        return True

    def _take_out_the_rest(self, plan: Plan) -> None:
        found = count_places(self._db, SHEET, plan.plan)
        for place in PLACES:
            if place.rule is Rule.DELETE and found.get(place.name):
                condition = (
                    of_erased(_BOOKED[place.name], plan.plan, earlier=False)
                    if place.name in _BOOKED
                    else condition_of(place, SHEET, plan.plan)
                )
                self._db.statements([delete_rows(place.name, condition, plan.plan)])
        retired = count_places(self._db, SHEET, plan.plan, RETIRED_ROWS)
        for place in RETIRED_ROWS:
            if retired[place.name]:
                self._db.statements([delete_rows(place.name, condition_of(place, SHEET, plan.plan), plan.plan)])

    def _forget(self, plan: Plan, request: UUID) -> None:
        """Drop the older work sheets, those of dry runs, the keys and the request."""
        for shadow in self._db.rows("correct/shadows"):
            if shadow["plan"] == 0 and shadow["name"].endswith((REQUESTS, SHEET)):
                self._db.run("correct/drop_shadow", shadow=shadow["name"])
        for sheet in self._db.rows("build/old_sheets", plan=plan.plan + 1):
            self._db.run("build/drop_sheet", **sheet)
        self._db.run("erase/drop_keys", plan=plan.plan)
        self._db.run("erase/drop_request", request=request)

    def _counts(self, plan: Plan) -> dict[str, int]:
        counted = self._db.rows("erase/counted", plan=plan.plan)[0]
        after = outcome(self._db, plan)
        counts = {name: int(counted[name]) for name in ("erased", "erased_facts", "erased_quarantined")}
        waiting = int(after["waiting"])
        return {
            **counts, "waiting": waiting, "was_waiting": waiting + counts["erased"],
            "waiting_parts": int(after["waiting_parts"]),
        }  # fmt: skip


def ask(database: Database, clock: Clock, users: Sequence[UUID], names: Sequence[str]) -> UUID:
    """Write a request down; from now on every build carries it out before anything else."""
    request = uuid4()
    for generation in range(MAX_GENERATIONS):
        database.run(
            "erase/request",
            token=f"request:{request}:{generation}",
            requests=REQUESTS,
            request=request,
            user_ids=[str(user) for user in users],
            names=[name.lower() for name in names],
            requested_at=clock.now(),
        )
        if database.rows("erase/asked_in", requests=REQUESTS, request=request):
            return request
    raise Stop("The table ops.erasure_requests keeps no row. Check ClickHouse's disk and log.")


def propose_erasure(database: Database, clock: Clock) -> Proposal | None:
    """The oldest request that nobody has carried out; None when there is none."""
    waiting = database.rows("erase/pending")
    return Proposal(PlanKind.ERASE, clock.now(), ids=(waiting[0]["request_id"],)) if waiting else None


def erased_rows(database: Database, request: UUID) -> Erased:
    """What a request has taken out."""
    return Erased(request, {row["place"]: int(row["rows"]) for row in database.rows("erase/done", request=request)})


def preview_erasure(database: Database, clock: Clock, users: Sequence[UUID], names: Sequence[str]) -> Erased:
    """Count what an erasure would take out, in work sheets beside the plans that are dropped again."""
    request, attempt = uuid4(), uuid4().hex[:12]
    requests, sheet = (shadow_name(0, attempt, table) for table in (f"ops.{REQUESTS}", f"ops.{SHEET}"))
    try:
        database.statements([create_shadow(requests, f"ops.{REQUESTS}"), create_shadow(sheet, f"ops.{SHEET}")])
        database.run(
            "erase/request",
            requests=requests,
            request=request,
            user_ids=[str(user) for user in users],
            names=[name.lower() for name in names],
            requested_at=clock.now(),
        )
        collect(database, None, request, requests, sheet)
        return Erased(None, {place: rows for place, rows in count_places(database, sheet, 0).items() if rows})
    finally:
        for name in (requests, sheet):
            database.run("correct/drop_shadow", shadow=name)
