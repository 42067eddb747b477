"""Follow one event, or one message at a place in Kafka, through everything that the platform keeps of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from headwater.ports import Clock, Database, Row

DEAD_LETTERS_KEPT = timedelta(days=30)
_PERSONAL = ("user_custom_id", "ip_address")
_HOURLY = ("event_type", "browser_name", "device_type", "geo_country", "utm_source", "utm_campaign")
_TRAFFIC = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "referer_medium")
_ANY_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is known: what it is, and its facts."""

    what: str
    facts: Mapping[str, Any]


@dataclass(slots=True)
class Traced:
    """Everything that was found, in the order of the way; empty when there is nothing."""

    looked_for: str
    steps: list[Step] = field(default_factory=list)

    def add(self, what: str, row: Row, **more: object) -> None:
        """One more step."""
        self.steps.append(Step(what, {**row, **more}))


class Trace:
    """Reads only; what is personal is left out unless `personal`."""

    def __init__(self, database: Database, clock: Clock, *, personal: bool = False) -> None:
        self._db = database
        self._clock = clock
        self._personal = personal

    def event(self, event: UUID) -> Traced:
        """The way of an event id."""
        found = Traced(str(event))
        staged = self._db.rows("trace/staged", event=event)
        for row in staged:
            self._message("staged", row, found)
        clicks = list(dict.fromkeys(row["click_id"] for row in staged if row["click_id"]))
        times = [row["event_timestamp"] for row in staged if row["event_timestamp"]]
        self._dead_letters(event, found)
        self._outcome(event, times[0].date() if times else _ANY_DAY, clicks, found)
        for click in clicks:
            self._visit(click, found)
        return found

    def place(self, topic: str, partition: int, offset: int) -> Traced:
        """The way of the message at a place in Kafka, and of the event that it holds."""
        found = Traced(f"{topic}/{partition}/{offset}")
        rows = self._db.rows("trace/at", topic=topic, partition=partition, offset=offset)
        events = [row["event_id"] for row in rows if row["event_id"]]
        if events:
            return self.event(events[0])
        for row in rows:
            if row["found"] == "dead letter":
                place = {name: row[name] for name in ("topic", "epoch", "partition", "offset")}
                for letter in self._db.rows("trace/dead_letter", **place):
                    self._message("dead letter", letter, found)
            else:
                self._message(row["found"], row, found)
            if row["click_id"]:
                self._visit(row["click_id"], found)
        return found

    def _message(self, what: str, row: Row, found: Traced) -> None:
        """Where a message came from, the claim that stored it, the plan that took it, and replays of it."""
        place = {name: row[name] for name in ("topic", "epoch", "partition", "offset")}
        found.add(what, _present(row, ("event_id", "found", "click_id", "event_timestamp")))
        way = self._db.rows("trace/way", **place)[0]
        claim = {name: way[name] for name in ("from_offset", "to_offset", "generation", "claimed_at", "stored_at")}
        found.add("claim", claim)
        if way["plan"] and what == "staged":
            found.add("build", {name: way[name] for name in ("plan", "planned_at", "built_at")})
        elif what == "staged":
            found.add("not planned yet", {"next": "the next build takes it"})
        for replay in self._db.rows("trace/replays", **place):
            found.add("replay", replay)

    def _dead_letters(self, event: UUID, found: Traced) -> None:
        since = self._clock.now() - DEAD_LETTERS_KEPT
        for row in self._db.rows("trace/dead_letters", since=since, dashed=str(event), plain=event.hex):
            self._message("dead letter", row, found)

    def _outcome(self, event: UUID, day: date, clicks: list[UUID], found: Traced) -> None:
        """Fact, interaction, waiting or quarantine; adds the visits of the facts to `clicks`."""
        for fact in self._db.rows("trace/fact", event=event, day=day):
            at = fact["event_timestamp"].replace(tzinfo=UTC)
            found.add("fact", self._public(fact))
            if not fact["is_complete"]:
                for lacks in self._db.rows("trace/lacks", event=event, day=at.date()):
                    found.add("incomplete", lacks)
            found.add("counts in agg_events_hourly", self._counted("hourly", fact, at, _HOURLY))
            found.add("counts in agg_traffic_sources", self._counted("traffic", fact, at, _TRAFFIC))
            if fact["click_id"] not in clicks:
                clicks.append(fact["click_id"])
        for name, what in (("waiting", "waits"), ("quarantine", "quarantine"), ("interactions", "interaction")):
            for row in self._db.rows(f"trace/{name}", event=event):
                found.add(what, row)

    def _counted(self, name: str, fact: Row, at: datetime, keys: Iterable[str]) -> dict[str, Any]:
        chosen = {key: fact[key] for key in keys}
        return {**chosen, **self._db.rows(f"trace/{name}", at=at, **chosen)[0]}

    def _visit(self, click: UUID, found: Traced) -> None:
        for row in self._db.rows("trace/visits", click=click):
            found.add(f"{row['part']} part that counts", self._public(row))
        for row in self._db.rows("trace/parts", click=click):
            found.add(f"{row['stream']} message", _present(row, ("stream",)))

    def _public(self, row: Row) -> dict[str, Any]:
        return {name: value for name, value in row.items() if self._personal or name not in _PERSONAL}


def where_it_looked(traced: Traced, now: datetime) -> str:
    """What to say when nothing was found."""
    since = now - DEAD_LETTERS_KEPT
    return (
        f"Nothing is known of {traced.looked_for}. Looked in staging (kept for 90 days), the facts and interactions "
        f"(365 days), what waits, the quarantine, and the bytes of dead letters since {since:%Y-%m-%d}. A message that "
        "was not read yet is not known either: `headwater consume --status` tells how far the consumers are. What was "
        "refused before Kafka stands in ops.rejects; what was erased is gone."
    )


def _present(row: Row, without: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in without}


def as_lines(traced: Traced) -> Iterator[tuple[str, str]]:
    """Each step for a person: what it is, and its facts."""
    for step in traced.steps:
        facts = ", ".join(f"{name} {value}" for name, value in step.facts.items() if value not in (None, "", 0))
        yield step.what, facts
