"""The oracle: what was put into a topic, and the proof that the tables hold exactly that."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from headwater.adapters.clickhouse import ClickHouse
from headwater.contracts.streams import STREAMS
from headwater.core.verdict import Accepted, Heartbeat, Rejected, judge

BROWSER = STREAMS["browser"]
_COLUMNS = tuple(f.name for f in BROWSER.fields)
# Every event's own time lies before this, so the verdict does not depend on the moment when Kafka took it.
_LATER = datetime(2030, 1, 1, tzinfo=UTC)

Row = tuple[Any, ...]


@dataclass
class Truth:
    """The messages of one epoch by partition and offset, and the offsets that a test took away unread."""

    topic: str
    epoch: UUID
    messages: Mapping[int, dict[int, bytes]]
    may_be_lost: Mapping[int, set[int]] = field(default_factory=lambda: {p: set() for p in range(3)})

    @property
    def total(self) -> int:
        """Messages that Kafka took."""
        return sum(map(len, self.messages.values()))

    def ends(self) -> dict[int, int]:
        """The offset after the last message of every partition."""
        return {p: max(found, default=-1) + 1 for p, found in self.messages.items()}


@dataclass(frozen=True)
class Held:
    """What the tables hold of one epoch, in the order of partition and offset."""

    staged: Sequence[Row]
    dead_letters: Sequence[Row]
    heartbeats: Sequence[Row]
    claims: Sequence[Mapping[str, Any]]
    stored: Mapping[UUID, Mapping[str, Any]]

    @property
    def places(self) -> list[tuple[int, int]]:
        """Partition and offset of every row of every target."""
        return [(row[0], row[1]) for rows in (self.staged, self.dead_letters, self.heartbeats) for row in rows]

    @property
    def repairs(self) -> int:
        """Later generations of inserts that the books tell of."""
        return sum(row["repairs"] for row in self.stored.values())

    @property
    def lost(self) -> int:
        """Offsets that the books call lost."""
        return sum(row["lost"] for row in self.stored.values())


def read_held(db: ClickHouse, truth: Truth) -> Held:
    """Read everything that stands under the epoch."""
    bound = {"topic": truth.topic, "epoch": truth.epoch}
    staged = f"SELECT partition, offset, {', '.join(_COLUMNS)} FROM {BROWSER.staging_table}"
    dead = "SELECT partition, offset, hex(raw) AS raw, reason, field, detail FROM ops.dead_letters"
    beats = "SELECT partition, offset, heartbeat FROM ops.freshness"
    where = "WHERE topic = {topic:String} AND epoch = {epoch:UUID}"
    claims = db.query(
        f"SELECT * FROM ops.claims {where} ORDER BY partition, from_offset, generation "
        "LIMIT 1 BY partition, from_offset",
        bound,
    )
    stored = db.query(f"SELECT * FROM ops.stored {where}", bound)
    twice = [claim for claim, n in Counter(row["claim_id"] for row in stored).items() if n > 1]
    assert not twice, f"claims are closed twice: {twice}"
    rows = [_rows(db, f"{select} {where} ORDER BY partition, offset", bound) for select in (staged, dead, beats)]
    return Held(rows[0], rows[1], rows[2], claims, {row["claim_id"]: row for row in stored})


def assert_held(truth: Truth, held: Held, *, whole: bool = True) -> None:
    """Counts, distinct offsets and content equal the oracle's; the claims follow on each other and are closed.

    With `whole=False` messages may still be missing (their topic is gone), but nothing may be wrong or stand twice.
    """
    _assert_each_once(truth, held, whole=whole)
    expected = _expected(truth, set(held.places))
    for name, found, wanted in (
        ("staging", held.staged, expected.staged),
        ("dead letters", held.dead_letters, expected.dead_letters),
        ("heartbeats", held.heartbeats, expected.heartbeats),
    ):
        if content_hash(found) != content_hash(wanted):
            raise AssertionError(f"{name} of {truth.epoch} differ: {_first_difference(found, wanted)}")
    _assert_claims(truth, held, whole=whole)


def content_hash(rows: Iterable[Row]) -> str:
    """One hash over partition, offset and every column of the rows."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr(row).encode())
    return digest.hexdigest()


def missing_places(truth: Truth, held: Held) -> list[tuple[int, int]]:
    """Messages that no target holds."""
    there = set(held.places)
    return [(p, o) for p, found in truth.messages.items() for o in found if (p, o) not in there]


def unexpectedly_missing(truth: Truth, held: Held) -> list[tuple[int, int]]:
    """Messages that no target holds and that no test took away."""
    return [(p, o) for p, o in missing_places(truth, held) if o not in truth.may_be_lost[p]]


def _assert_each_once(truth: Truth, held: Held, *, whole: bool) -> None:
    places = held.places
    twice = sorted(place for place, n in Counter(places).items() if n > 1)
    assert not twice, f"{len(twice)} offsets of {truth.epoch} stand twice: {twice[:5]}"
    foreign = sorted((p, o) for p, o in places if o not in truth.messages[p])
    assert not foreign, f"{len(foreign)} rows of {truth.epoch} were never sent: {foreign[:5]}"
    if whole:
        gone = unexpectedly_missing(truth, held)
        assert not gone, f"{len(gone)} of {truth.total} messages of {truth.epoch} are missing: {gone[:5]}"


def _assert_claims(truth: Truth, held: Held, *, whole: bool) -> None:
    position = dict.fromkeys(truth.messages, 0)
    targets = [_Offsets.of(rows) for rows in (held.staged, held.dead_letters, held.heartbeats)]
    for claim in held.claims:
        partition, first, end = claim["partition"], claim["from_offset"], claim["to_offset"]
        where = f"[{partition}] {first}–{end} of {truth.epoch}"
        assert first == position[partition], f"claim {where} leaves a gap or overlaps"
        position[partition] = end
        closed = held.stored.get(claim["claim_id"])
        assert closed is not None or not whole, f"claim {where} was never closed"
        if closed is None:
            continue
        counts = [target.count(partition, first, end) for target in targets]
        booked = [closed["staged"], closed["dead_letters"], closed["heartbeats"]]
        assert counts == booked, f"claim {where} is booked with {booked} rows and has {counts}"
        lost = end - first - sum(counts)
        assert closed["lost"] == lost, f"claim {where} is booked with {closed['lost']} lost, {lost} are missing"
    if whole:
        assert position == truth.ends(), f"claims reach {position}, the topic ends at {truth.ends()}"


@dataclass(frozen=True)
class _Offsets:
    """Sorted offsets of one target by partition."""

    found: Mapping[int, list[int]]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> _Offsets:
        found: defaultdict[int, list[int]] = defaultdict(list)
        for row in rows:
            found[row[0]].append(row[1])
        return cls(found)

    def count(self, partition: int, first: int, end: int) -> int:
        offsets = self.found.get(partition, [])
        return bisect_left(offsets, end) - bisect_left(offsets, first)


def assert_rows_carry_their_claim(db: ClickHouse, truth: Truth) -> None:
    """Every row has the time of the claim of its range, so that repeating an insert writes to the same partition."""
    where = "WHERE topic = {topic:String} AND epoch = {epoch:UUID}"
    for table in (BROWSER.staging_table, "ops.dead_letters", "ops.freshness"):
        strays = db.query(
            f"SELECT count() AS n FROM (SELECT partition, offset, ingested_at FROM {table} {where}) AS r "
            "ASOF LEFT JOIN (SELECT partition, from_offset AS offset, ingested_at AS claimed_at FROM ops.claims "
            f"{where} ORDER BY partition, from_offset, generation LIMIT 1 BY partition, from_offset) AS c "
            "ON r.partition = c.partition AND r.offset >= c.offset WHERE r.ingested_at != c.claimed_at",
            {"topic": truth.topic, "epoch": truth.epoch},
        )[0]["n"]
        assert strays == 0, f"{strays} rows of {table} have another time than their claim"


def _expected(truth: Truth, places: set[tuple[int, int]]) -> Held:
    staged, dead, beats = [], [], []
    for partition, offset in sorted(places):
        raw = truth.messages[partition][offset]
        match _verdict(raw):
            case Accepted(row=row):
                staged.append((partition, offset, *(row[name] for name in _COLUMNS)))
            case Rejected(reason=reason, field=name, detail=detail):
                dead.append((partition, offset, raw.hex().upper(), reason.value, name, detail))
            case Heartbeat():
                beats.append((partition, offset, raw.decode().split('"')[3]))
    return Held(staged, dead, beats, [], {})


@lru_cache(maxsize=400_000)
def _verdict(raw: bytes) -> Accepted | Rejected | Heartbeat:
    return judge(BROWSER, raw, _LATER)


def _rows(db: ClickHouse, sql: str, bound: Mapping[str, object]) -> list[Row]:
    return [tuple(_aware(value) for value in row.values()) for row in db.query(sql, bound)]


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _first_difference(found: Sequence[Row], wanted: Sequence[Row]) -> str:
    for one, other in zip(found, wanted, strict=False):
        if one != other:
            return f"\nfound    {one}\nexpected {other}"
    return f"{len(found)} rows, expected {len(wanted)}"
