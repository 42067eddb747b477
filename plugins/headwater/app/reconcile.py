"""Prove that what Kafka handed out stands in the tables, each offset once (invariant I1)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from headwater.contracts.streams import Stream
from headwater.errors import Stop
from headwater.ports import Clock, Database, EventLog, Row, Watermarks

_RECENT = timedelta(days=1)
_PAUSE_S = 0.2
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class PartitionBooks:
    """One partition: Kafka's end, the claims, and where the messages stand."""

    topic: str
    partition: int
    end: int
    claimed_to: int
    # The first offset of a claim that is not stored; where there is none, the end of the last.
    settled_to: int
    open_claims: int
    # The end of the rows of the last day.
    held_to: int
    messages: int
    staged: int
    dead_letters: int
    heartbeats: int
    lost: int
    faults: tuple[str, ...]

    @property
    def is_doubtful(self) -> bool:
        """Whether something looks wrong; at one look that may be work of others that goes on meanwhile."""
        return bool(self.faults) or self.held_to > self.claimed_to

    @property
    def lag(self) -> int:
        """Offsets that no claim covers yet."""
        return self.end - self.claimed_to


def reconcile(
    stream: Stream, log: EventLog, database: Database, clock: Clock, patience_s: float = _PATIENCE_S
) -> list[PartitionBooks]:
    """Compare Kafka's offsets, the claims, the books and the tables of one stream; others may store meanwhile.

    Raises `Stop` naming every partition whose numbers do not agree, at two looks. A claim that is being stored is given
    `patience_s` to be closed; messages that arrived since the last drain are lag. Neither is a fault.
    """
    first = before = _look(stream, log, database, clock)
    deadline = time.monotonic() + patience_s
    while any(b.is_doubtful or b.open_claims for b in before.values()):
        time.sleep(_PAUSE_S)
        books = _look(stream, log, database, clock)
        faults = [text for p, b in books.items() if p in before for text in _standing(before[p], b)]
        waits = [text for p, b in books.items() if p in first for text in _still_open(first[p], b)]
        is_late = time.monotonic() >= deadline
        if faults or (waits and is_late):
            raise Stop(
                "Ingestion does not add up. Nothing was changed; look at these ranges:\n" + "\n".join(faults + waits)
            )
        before = books
        if not waits and (is_late or not any(b.is_doubtful for b in books.values())):
            break
    return list(before.values())


def _standing(before: PartitionBooks, now: PartitionBooks) -> list[str]:
    """What is wrong at both looks."""
    faults = list(now.faults) if before.faults else []
    if now.claimed_to < before.held_to:
        faults.append(f"rows stand up to offset {before.held_to:,}, claims reach {now.claimed_to:,}")
    return [f"{now.topic}[{now.partition}]: {fault}" for fault in faults]


def _still_open(first: PartitionBooks, now: PartitionBooks) -> list[str]:
    """The claim that was open at the first look still is."""
    if not (first.open_claims and now.open_claims and first.settled_to == now.settled_to):
        return []
    return [f"{now.topic}[{now.partition}]: {now.open_claims} claims are not stored"]


def _look(stream: Stream, log: EventLog, database: Database, clock: Clock) -> dict[int, PartitionBooks]:
    rows = database.rows(
        "ops/reconcile",
        topic=stream.topic,
        epoch=log.epoch(stream.topic),
        staging=stream.staging_name,
        since=clock.now() - _RECENT,
    )
    # Kafka's ends come last: what is claimed lies before them.
    return _books(stream, log.watermarks(stream.topic), {row["partition"]: row for row in rows})


def _books(stream: Stream, marks: Mapping[int, Watermarks], rows: Mapping[int, Row]) -> dict[int, PartitionBooks]:
    books = {}
    for partition, mark in marks.items():
        row = rows.get(partition, {})
        books[partition] = PartitionBooks(
            topic=stream.topic,
            partition=partition,
            end=mark.end,
            claimed_to=int(row.get("claimed_to", 0)),
            settled_to=int(row.get("settled_to", 0)),
            open_claims=int(row.get("open_claims", 0)),
            held_to=int(row.get("held_to", 0)),
            messages=int(row.get("messages", 0)),
            staged=int(row.get("staged", 0)),
            dead_letters=int(row.get("dead_letters", 0)),
            heartbeats=int(row.get("heartbeats", 0)),
            lost=int(row.get("lost", 0)),
            faults=tuple(_faults(row, mark)) if row else (),
        )
    return books


def _faults(row: Row, mark: Watermarks) -> list[str]:
    faults = []
    stored = row["staged"] + row["dead_letters"] + row["heartbeats"]
    if row["gaps"]:
        faults.append(f"{row['gaps']} claims do not follow on the one before")
    if row["claimed_to"] > mark.end:
        faults.append(f"claims reach offset {row['claimed_to']:,}, Kafka ends at {mark.end:,}")
    if not stored <= row["messages"] <= stored + row["lost"]:
        faults.append(f"{stored:,} rows and {row['lost']:,} lost were booked for {row['messages']:,} messages")
    if row["recent_rows"] != row["recent_messages"] or row["recent_offsets"] != row["recent_messages"]:
        faults.append(
            f"the tables hold {row['recent_rows']:,} recent rows with {row['recent_offsets']:,} offsets, "
            f"the books say {row['recent_messages']:,}"
        )
    return faults
