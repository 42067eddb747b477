"""What the use cases need of the outside world. Adapters and in-memory twins pass the same behaviour suites."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from headwater.contracts.topics import Topic
from headwater.core.ranges import Batch, Claim, Found, Stored


class Clock(Protocol):
    """The only source of the present moment."""

    def now(self) -> datetime:
        """The current time, aware, UTC, in whole milliseconds."""
        ...


@dataclass(frozen=True, slots=True)
class FlushLimits:
    """When collected messages become a batch: whichever comes first."""

    rows: int = 200_000
    size_bytes: int = 64 * 1024 * 1024
    age_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Watermarks:
    """First offset that a partition still has, and the offset that the next message will get."""

    begin: int
    end: int


class EventReader(Protocol):
    """One member of a consumer group on one topic."""

    def poll(self, limits: FlushLimits, timeout_s: float) -> Sequence[Batch]:
        """Batches of the assigned partitions that are ready; empty when nothing came within `timeout_s`."""
        ...

    def flush(self) -> Sequence[Batch]:
        """Everything collected so far as batches, ready or not."""
        ...

    def seek(self, partition: int, offset: int) -> None:
        """Forget what was collected of `partition` and read on from `offset`."""
        ...

    def commit(self, partition: int, offset: int) -> None:
        """Tell the group that everything before `offset` is done. Advice only: failures are not errors."""
        ...


class EventSink(Protocol):
    """A place to send messages to; acknowledged means kept by the log."""

    def send(self, topic: str, key: bytes | None, value: bytes, origin: str = "", line: int = 0) -> None:
        """Queue one message; blocks while the queue is full."""
        ...

    def flush(self) -> None:
        """Wait until every queued message is acknowledged. Raises `Retry` when one was refused."""
        ...


class EventLog(Protocol):
    """Topics with partitions and offsets: Kafka or its twin."""

    def epoch(self, topic: str) -> UUID:
        """Identity of the topic: a topic that is deleted and made again has another one."""
        ...

    def watermarks(self, topic: str) -> Mapping[int, Watermarks]:
        """Offsets of every partition of `topic`."""
        ...

    def join(self, topic: str, resume: Callable[[int], int]) -> AbstractContextManager[EventReader]:
        """Become a member of the group of `topic`; `resume(partition)` gives the offset to start from."""
        ...

    def read_range(self, topic: str, partition: int, from_offset: int, to_offset: int) -> Batch:
        """The messages of [from_offset, to_offset) that the log still has."""
        ...

    def sink(self) -> AbstractContextManager[EventSink]:
        """Open a sink whose messages are kept once each, in order per key."""
        ...


@dataclass(frozen=True, slots=True)
class TopicChange:
    """What was done to a topic: created, changed or unchanged, and how."""

    topic: str
    action: str
    detail: str = ""


class TopicAdmin(Protocol):
    """Topics as things to create and set up."""

    def ensure(self, topic: Topic) -> TopicChange:
        """Make the topic exist with its partitions and settings; repeating it changes nothing."""
        ...


class Ledger(Protocol):
    """Claims, and the rows that were stored under them: ClickHouse or its twin."""

    def claims(self, topic: str, epoch: UUID) -> Sequence[Claim]:
        """The last claim of every partition, and all that are not stored yet."""
        ...

    def open_claims(self, topic: str, epoch: UUID) -> Sequence[Claim]:
        """Claims that are not known to be stored, in the order of their offsets."""
        ...

    def claim(self, proposal: Claim) -> Claim:
        """Claim a range; returns the claim that stands at its start, which may be another member's."""
        ...

    def store(self, stream: str, claim: Claim, batch: Batch, generation: int) -> None:
        """Insert the messages of `batch` under the token of the claim; repeating it adds nothing."""
        ...

    def find(self, stream: str, claim: Claim) -> Found:
        """Count the rows of the claimed range in every target."""
        ...

    def present(self, stream: str, claim: Claim) -> Sequence[int]:
        """Offsets of the claimed range that some target holds."""
        ...

    def mark_stored(self, stored: Stored) -> None:
        """Record that every message of the claim was found in the targets."""
        ...

    def reject(self, stream: str, rejects: Sequence[Reject]) -> None:
        """Keep what was refused before the log, once for each origin and line."""
        ...


@dataclass(frozen=True, slots=True)
class Reject:
    """A line or object that never became a message."""

    raw: bytes
    reason: str
    detail: str
    origin: str
    line: int


Row = Mapping[str, Any]


class Database(Protocol):
    """SQL from files, with bound parameters."""

    def rows(self, name: str, /, **parameters: object) -> Sequence[Row]:
        """Rows of the query in `clickhouse/sql/<name>.sql`."""
        ...

    def run(self, name: str, /, token: str | None = None, **parameters: object) -> int:
        """Run the statement in `clickhouse/sql/<name>.sql`; `token` makes an INSERT repeatable.

        Returns the rows it wrote, those of views included.
        """
        ...

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Sequence[Row]:
        """Rows of ad-hoc SQL."""
        ...

    def statements(self, statements: Iterable[str]) -> None:
        """Run DDL statements in order."""
        ...
