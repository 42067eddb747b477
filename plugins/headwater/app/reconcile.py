"""Prove that what Kafka handed out stands in the tables, each offset once (invariant I1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from headwater.contracts.streams import Stream
from headwater.errors import Stop
from headwater.ports import Clock, Database, EventLog, Row, Watermarks

_RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PartitionBooks:
    """One partition: Kafka's end, the claims, and where the messages stand."""

    topic: str
    partition: int
    end: int
    claimed_to: int
    messages: int
    staged: int
    dead_letters: int
    heartbeats: int
    lost: int
    faults: tuple[str, ...]

    @property
    def lag(self) -> int:
        """Offsets that no claim covers yet."""
        return self.end - self.claimed_to


def reconcile(stream: Stream, log: EventLog, database: Database, clock: Clock) -> list[PartitionBooks]:
    """Compare Kafka's offsets, the claims, the books and the tables of one stream.

    Raises `Stop` naming every partition whose numbers do not agree. Messages that arrived since the last drain are
    lag, not a fault.
    """
    marks = log.watermarks(stream.topic)
    rows = database.rows(
        "ops/reconcile",
        topic=stream.topic,
        epoch=log.epoch(stream.topic),
        staging=stream.staging_name,
        since=clock.now() - _RECENT,
    )
    books = _books(stream, marks, {row["partition"]: row for row in rows})
    faults = [f"{b.topic}[{b.partition}]: {fault}" for b in books for fault in b.faults]
    if faults:
        raise Stop("Ingestion does not add up. Nothing was changed; look at these ranges:\n" + "\n".join(faults))
    return books


def _books(stream: Stream, marks: Mapping[int, Watermarks], rows: Mapping[int, Row]) -> list[PartitionBooks]:
    books = []
    for partition, mark in marks.items():
        row = rows.get(partition, {})
        books.append(
            PartitionBooks(
                topic=stream.topic,
                partition=partition,
                end=mark.end,
                claimed_to=int(row.get("claimed_to", 0)),
                messages=int(row.get("messages", 0)),
                staged=int(row.get("staged", 0)),
                dead_letters=int(row.get("dead_letters", 0)),
                heartbeats=int(row.get("heartbeats", 0)),
                lost=int(row.get("lost", 0)),
                faults=tuple(_faults(row, mark)) if row else (),
            )
        )
    return books


def _faults(row: Row, mark: Watermarks) -> list[str]:
    faults = []
    stored = row["staged"] + row["dead_letters"] + row["heartbeats"]
    if row["gaps"]:
        faults.append(f"{row['gaps']} claims do not follow on the one before")
    if row["open_claims"]:
        faults.append(f"{row['open_claims']} claims are not stored")
    if row["claimed_to"] > mark.end:
        faults.append(f"claims reach offset {row['claimed_to']:,}, Kafka ends at {mark.end:,}")
    if not row["open_claims"] and stored > row["messages"]:
        faults.append(f"{stored:,} rows were booked for {row['messages']:,} messages")
    if row["recent_rows"] != row["recent_messages"] or row["recent_offsets"] != row["recent_messages"]:
        faults.append(
            f"the tables hold {row['recent_rows']:,} recent rows with {row['recent_offsets']:,} offsets, "
            f"the books say {row['recent_messages']:,}"
        )
    return faults
