"""Load objects anew: what they had brought in is taken out, then they are sent again.

The taking out is a plan in the sequence of the builds, so whoever finds it unfinished carries it out. The request
stands before the plan is claimed, with the offsets at which the topics ended: messages of the objects before these go,
later ones stay. After the request nothing that was sent before counts as sent, so that the next load sends the objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID, uuid4

from headwater.app.correct import SHEET, write_sheet
from headwater.app.plan_books import MAX_GENERATIONS, PlanBooks, PlanDone
from headwater.app.shadows import Recipe, sweep
from headwater.app.swaps import Swaps
from headwater.app.taking_out import TakenOut, book_counts, book_messages, delete_booked, outcome, write_waiting
from headwater.contracts.streams import STREAMS
from headwater.core.corrections import DueDay, create_shadow, first_days, pieces_for, shadow_name
from headwater.core.object_keys import EventObject, address
from headwater.core.personal_data import STAGED
from headwater.core.plans import Plan, PlanKind, Proposal
from headwater.errors import Stop
from headwater.ports import Clock, Database, EventLog, ObjectStore, Row

_RECIPE = Recipe("correct/fill_facts", "reload/check_facts", SHEET)
_REQUESTS = "reload_requests"
# Objects of one request: their names are parameters of one statement.
_MAX_OBJECTS = 500
_DELETED = {
    "ops.rejects": "reload/delete_rejects", "ops.quarantine": "reload/delete_quarantine",
    "ops.visits": "reload/delete_visits",
}  # fmt: skip


class ReloadSteps:
    """Carries out plans of the kind `reload`."""

    def __init__(self, database: Database, clock: Clock, books: PlanBooks) -> None:
        self._db = database
        self._books = books
        self._swaps = Swaps(database, clock, books)

    def carry_out(self, plan: Plan) -> PlanDone | None:
        """Run every step; None when another worker has finished the plan meanwhile.

        Everything that is found out by reading is written down before anything is removed.
        """
        asked = {"request": plan.ids[0], "requests": _REQUESTS, "before": plan.plan - 1}
        write_sheet(
            self._db, self._books, plan, "reload/sheet", range(plan.pieces), request=plan.ids[0], requests=_REQUESTS
        )
        write_waiting(self._db, self._books, plan, "reload/waiting", **asked)
        book_counts(self._db, self._books, plan, lambda: _found(self._db, plan.plan, asked))
        book_messages(self._db, plan, ["reload/book_staged", "reload/book_dead_letters"], **asked)
        if not self._take_out_facts(plan):
            return None
        self._take_out_the_rest(plan, asked)
        visits = ["reload/visits_device", "reload/visits_geo"]
        self._books.until_none_missing(plan, visits, lambda: self._missing_visits(plan), before=plan.plan - 1)
        if self._books.is_done(plan):
            return None
        done = self._books.finish(plan, outcome(self._db, plan))
        sweep(self._db, plan.plan + 1)
        return done

    def _take_out_facts(self, plan: Plan) -> bool:
        """Make the days of the facts anew without what came from the objects; False when the plan is finished."""
        left: Sequence[DueDay] = [
            DueDay(row["day"], 0, int(row["rows"])) for row in self._db.rows("reload/days", plan=plan.plan)
        ]
        while chosen := first_days(left):
            left = left[len(chosen) :]
            if not self._swaps.swap(plan, [due.day for due in chosen], _RECIPE):
                return False
        return True

    def _take_out_the_rest(self, plan: Plan, asked: Mapping[str, object]) -> None:
        for row in _found(self._db, plan.plan, asked):
            place = row["place"]
            if place in STAGED or place == "ops.dead_letters":
                delete_booked(self._db, plan, place)
            elif place in _DELETED:
                self._db.run(_DELETED[place], plan=plan.plan, request=plan.ids[0])
        self._db.run("reload/delete_loaded", plan=plan.plan, request=plan.ids[0])

    def _missing_visits(self, plan: Plan) -> int:
        return int(self._db.rows("reload/visits_missing", before=plan.plan - 1)[0]["missing"])


def propose_reload(database: Database, clock: Clock) -> Proposal | None:
    """The oldest request whose objects nobody has taken out; None when there is none."""
    waiting = database.rows("reload/pending")
    if not waiting:
        return None
    request = waiting[0]["request_id"]
    affected = database.rows("reload/affected", request=request, requests=_REQUESTS)
    return Proposal(PlanKind.RELOAD, clock.now(), ids=(request,), pieces=pieces_for(int(affected[0]["rows"])))


class Reload:
    """Asks for objects of a bucket to be loaded anew."""

    def __init__(self, database: Database, clock: Clock, log: EventLog, drain: Callable[[str], object]) -> None:
        self._db = database
        self._clock = clock
        self._log = log
        self._drain = drain

    def ask(self, store: ObjectStore, objects: Sequence[EventObject]) -> list[UUID]:
        """Write requests down for what is not asked for yet; from now on every build carries them out.

        What the topics hold now is stored first, so that nothing of the objects is on its way any more. An object
        whose last request has not ended is not asked for again, unless its content has changed since.
        """
        unfinished = self._db.rows("reload/unfinished", folder=address(store.bucket, ""))
        begun = {row["key"]: row["etag"] for row in unfinished}
        wanted = [each for each in objects if begun.get(each.stored.key) != each.stored.etag]
        until = self._ends(wanted)
        for stream in _streams(wanted):
            self._drain(stream)
        return [
            _write_request(self._db, self._clock, store, wanted[first : first + _MAX_OBJECTS], until)
            for first in range(0, len(wanted), _MAX_OBJECTS)
        ]

    def preview(self, store: ObjectStore, objects: Sequence[EventObject]) -> TakenOut:
        """Count what would go of what is stored now, in work sheets beside the plans that are dropped again."""
        until = self._ends(objects)
        parts = [objects[first : first + _MAX_OBJECTS] for first in range(0, len(objects), _MAX_OBJECTS)]
        return TakenOut.of(row for part in parts for row in self._preview(store, part, until))

    def _preview(
        self, store: ObjectStore, objects: Sequence[EventObject], until: Sequence[tuple[object, ...]]
    ) -> Sequence[Row]:
        last = PlanBooks(self._db, self._clock).last()
        before = 0 if last is None else last[0].plan - (0 if last[1] else 1)
        attempt = uuid4().hex[:12]
        requests, sheet = (shadow_name(0, attempt, table) for table in (f"ops.{_REQUESTS}", f"ops.{SHEET}"))
        try:
            self._db.statements([create_shadow(requests, f"ops.{_REQUESTS}"), create_shadow(sheet, f"ops.{SHEET}")])
            request = _write_request(self._db, self._clock, store, objects, until, requests)
            asked = {"request": request, "requests": requests, "before": before, "sheet": sheet}
            pieces = pieces_for(int(self._db.rows("reload/affected", request=request, requests=requests)[0]["rows"]))
            for piece in range(pieces):
                self._db.run("reload/sheet", token=None, plan=0, pieces=pieces, piece=piece, mark=piece, **asked)
            return _found(self._db, 0, asked)
        finally:
            for name in (requests, sheet):
                self._db.run("correct/drop_shadow", shadow=name)

    def _ends(self, objects: Sequence[EventObject]) -> list[tuple[object, ...]]:
        """Where each topic of the objects ends now: (topic, epoch, partition, offset)."""
        topics = [STREAMS[stream].topic for stream in _streams(objects)]
        return [
            (topic, str(self._log.epoch(topic)), partition, marks.end)
            for topic in topics
            for partition, marks in self._log.watermarks(topic).items()
        ]


def _write_request(
    database: Database,
    clock: Clock,
    store: ObjectStore,
    objects: Sequence[EventObject],
    until: Sequence[tuple[object, ...]],
    requests: str = _REQUESTS,
) -> UUID:
    request = uuid4()
    names = [(address(store.bucket, each.stored.key), each.stored.etag, STREAMS[each.stream].topic) for each in objects]
    for generation in range(MAX_GENERATIONS):
        database.run(
            "reload/request", token=f"request:{request}:{generation}", requests=requests, request=request,
            objects=names, until=list(until), requested_at=clock.now(),
        )  # fmt: skip
        if database.rows("reload/asked_in", requests=requests, request=request):
            return request
    raise Stop("The table ops.reload_requests keeps no row. Check ClickHouse's disk and log.")


def _found(database: Database, plan: int, asked: Mapping[str, object]) -> Sequence[Row]:
    return database.rows("reload/found", **{"plan": plan, "sheet": SHEET, **asked})


def _streams(objects: Sequence[EventObject]) -> list[str]:
    return list(dict.fromkeys(each.stream for each in objects))
