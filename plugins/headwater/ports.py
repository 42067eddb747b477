"""What the use cases need of the outside world. Adapters and in-memory twins pass the same behaviour suites."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, NamedTuple, Protocol
from uuid import UUID

from headwater.contracts.metrics import Metric
from headwater.contracts.topics import Topic
from headwater.core.flood import CommonReject, Judged
from headwater.core.object_keys import StoredObject
from headwater.core.ranges import Batch, Claim, Found, Message, Source, Stored
from headwater.core.replay import DeadLetter, Failure, ReplayPlan, Selection
from headwater.core.windows import Mark
from headwater.errors import RejectEvent


class Clock(Protocol):
    """The only source of the present moment."""

    def now(self) -> datetime:
        """The current time, aware, UTC, in whole milliseconds."""
        ...


class Mail(Protocol):
    """Sends letters to the people who look after the platform."""

    def send(self, subject: str, text: str) -> None:
        """Send one letter."""
        ...


@dataclass(frozen=True, slots=True)
class FlushLimits:
    """When collected messages become a batch: whichever comes first.

    A batch costs the same however few rows it has, so one with less than `quiet_rows` may wait for `quiet_age_s`.
    """

    rows: int = 400_000
    size_bytes: int = 128 * 1024 * 1024
    age_s: float = 1.0
    quiet_rows: int = 0
    quiet_age_s: float = 0.0

    def age_of(self, rows: int) -> float:
        """How long a batch of so many rows waits for more, in seconds."""
        return max(self.age_s, self.quiet_age_s) if rows < self.quiet_rows else self.age_s


@dataclass(frozen=True, slots=True)
class Watermarks:
    """First offset that a partition still has, and the offset that the next message will get."""

    begin: int
    end: int


class EventReader(Protocol):
    """One member of a consumer group on one topic."""

    @property
    def caught_up(self) -> bool:
        """Whether the last `poll` found less than it could have taken."""
        ...

    def poll(self, limits: FlushLimits, timeout_s: float) -> Sequence[Batch]:
        """Take messages for at most `timeout_s`; returns the batches that are ready, to be stored together.

        A batch is ready when its rows or bytes have reached a limit, or its age has and there is no backlog.
        """
        ...

    def has_read(self, until: Mapping[int, int]) -> bool:
        """Whether of its partitions everything before these offsets was taken, as far as it can see."""
        ...

    def flush(self, limits: FlushLimits) -> Sequence[Sequence[Batch]]:
        """Everything collected so far, ready or not, in lots that are stored together."""
        ...

    def seek(self, partition: int, offset: int) -> None:
        """Forget what was collected of `partition` and read on from `offset`."""
        ...

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Tell the group that of each partition everything before its offset is done.

        Advice only: failures are not errors.
        """
        ...


class EventSink(Protocol):
    """A place to send messages to; acknowledged means kept by the log."""

    def send(self, topic: str, key: bytes | None, value: bytes, origin: str = "", line: int = 0) -> None:
        """Queue one message; blocks while the queue is full."""
        ...

    def send_lines(self, topic: str, field: str, text: bytes, origin: str, first: int) -> int:
        """Queue one message per line of the text that is not blank; blocks while the queue is full.

        The key of each is the value of its first string field of that name; lines are numbered from `first`, in
        `origin`. Returns how many were queued.
        """
        ...

    def flush(self) -> None:
        """Wait until every queued message is acknowledged. Raises `Retry` when one was refused."""
        ...


class Gate(Protocol):
    """A way into the log for servers: nothing is kept waiting, and memory is bounded."""

    @property
    def problem(self) -> str:
        """Why nothing can be taken now; empty when the log takes messages."""
        ...

    async def send(self, messages: Mapping[str, Keyed]) -> None:
        """Return when the log has acknowledged every message of every topic.

        Raises `Busy` before anything is sent when too much is under way, `Retry` when the log is away or refused
        some: then others may have been kept.
        """
        ...


class OnceSink(Protocol):
    """A sink whose messages are all kept or none, and under its name at most once, whoever sends them."""

    @property
    def was_sent(self) -> bool:
        """Whether messages were committed under this name before."""
        ...

    def send(self, topic: str, key: bytes | None, value: bytes, origin: str = "", line: int = 0) -> None:
        """Queue one message; blocks while the queue is full."""
        ...

    def flush(self) -> None:
        """Wait until the log holds every message; readers see them after `commit`."""
        ...

    def commit(self) -> None:
        """Keep everything that was sent. Raises `Retry` when another sink of this name took over, or Kafka is away."""
        ...


class Relay(Protocol):
    """One member of a group that reads a topic and writes another in the same transactions."""

    def poll(self, timeout_s: float) -> Sequence[tuple[int, Message]]:
        """Messages with their partition, in the order of each partition; waits for at most `timeout_s`."""
        ...

    def commit(
        self, partition: int, mark: Mark, topic: str, messages: Sequence[tuple[bytes, bytes]], origin: str
    ) -> None:
        """Keep the mark of a partition and `messages` (key, value) in `topic`, all or nothing.

        Raises `Retry` for nothing, as when the partition is another member's now.
        """
        ...


class EventLog(Protocol):
    """Topics with partitions and offsets: Kafka or its twin."""

    def epoch(self, topic: str) -> UUID:
        """Identity of the topic: a topic that is deleted and made again has another one."""
        ...

    def watermarks(self, topic: str) -> Mapping[int, Watermarks]:
        """Offsets of every partition of `topic`."""
        ...

    def join(
        self, topic: str, resume: Callable[[Collection[int]], Mapping[int, int]]
    ) -> AbstractContextManager[EventReader]:
        """Become a member of the group of `topic`; `resume` gives the offsets from which partitions are read."""
        ...

    def read_range(self, topic: str, partition: int, from_offset: int, to_offset: int) -> Batch:
        """The messages of [from_offset, to_offset) that the log still has."""
        ...

    def has_messages(self, topic: str, partition: int, from_offset: int, to_offset: int) -> bool:
        """Whether [from_offset, to_offset) holds a message for readers: offsets may be markers of transactions."""
        ...

    def once(self, name: str, topics: Sequence[str], closing: bytes) -> AbstractContextManager[OnceSink]:
        """Open a sink whose messages are kept once under `name`; what is not committed is taken back.

        On leaving, `closing` goes to every partition of `topics`, so that none ends with the marker of a transaction.
        """
        ...

    def relay(
        self, name: str, topic: str, began: Callable[[int, Mark], None], ended: Callable[[int], None]
    ) -> AbstractContextManager[Relay]:
        """Become a member of the group `name` on `topic`.

        `began(partition, mark)` tells of a partition that the member was given, `ended(partition)` of one it lost.
        """
        ...

    def relayed_to(self, name: str, topic: str) -> Mapping[int, int]:
        """Offset of each partition up to which the members of the group `name` have committed."""
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


class ReplayBook(Protocol):
    """Dead letters, and the plans that took them: ClickHouse or its twin."""

    def last(self) -> tuple[int, bool]:
        """Number of the last plan, 0 when there is none, and whether it is done."""
        ...

    def candidates(self, selection: Selection, before: datetime, rows: int, size_bytes: int) -> Sequence[DeadLetter]:
        """Dead letters of the selection, ingested up to `before`, that no plan has taken; at least one if there is."""
        ...

    def reserve(self, plan: ReplayPlan, planned_at: datetime, member: str) -> ReplayPlan:
        """Take the items of the plan under its number; returns the plan that stands there, which may be another's."""
        ...

    def plan(self, number: int) -> ReplayPlan:
        """The plan of a number, with the bytes that are still kept."""
        ...

    def finish(self, plan: ReplayPlan, done_at: datetime) -> None:
        """Record that its messages are in the log; repeating it adds nothing."""
        ...

    def count(self, selection: Selection, before: datetime) -> Sequence[Mapping[str, Any]]:
        """Dead letters of the selection by stream, reason and field: those waiting, and those that plans took."""
        ...

    def failed(self, number: int) -> Sequence[Failure]:
        """Messages of a plan that became dead letters again."""
        ...


class BrokenObject(RejectEvent):
    """An object that cannot be read to its end; its neighbours are not affected."""


class ObjectStore(Protocol):
    """Objects of one bucket: S3 or its twin."""

    @property
    def bucket(self) -> str:
        """Its name."""
        ...

    def list(self, prefix: str) -> Iterable[StoredObject]:
        """Every object whose key begins with `prefix`."""
        ...

    def open(self, stored: StoredObject) -> AbstractContextManager[BinaryIO]:
        """The bytes of the object as it was listed, seekable, with bounded memory.

        Reading raises `BrokenObject` when the object is gone, is another one by now, or may not be read.
        """
        ...

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        ...


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

    def other_epochs(self, topic: str, epoch: UUID) -> Mapping[UUID, Mapping[int, int]]:
        """Earlier topics of this name: for each epoch the offset up to which each partition was claimed."""
        ...

    def propose(self, claim: Claim) -> None:
        """Put the claim at the start of its range, unless one was put there before under its generation."""
        ...

    def standing(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """The claims that stand at the starts of these of one topic; of several at one start the lowest generation."""
        ...

    def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
        """Insert the messages that `read` gives under the token of the claims; repeating it adds nothing.

        The claims are of one work. `read` is called once for each try.
        """
        ...

    def find(self, stream: str, claims: Sequence[Claim]) -> Sequence[Found]:
        """Count the rows of each claimed range in every target."""
        ...

    def present(self, stream: str, claim: Claim) -> Sequence[int]:
        """Offsets of the claimed range that some target holds."""
        ...

    def mark_stored(self, stored: Sequence[Stored], *, doubtful: bool) -> None:
        """Record that every message of the claims of one work was found in the targets.

        `doubtful`: somebody may have tried before, so that the record must be looked for.
        """
        ...

    def is_stored(self, claims: Sequence[Claim]) -> bool:
        """Whether somebody has recorded that every message of the claims was found."""
        ...

    def judged_before(self, claim: Claim) -> Sequence[Judged]:
        """What became of the stored claims of the partition before this one, in order; the last thousands at most."""
        ...

    def common_reject(self, claim: Claim) -> CommonReject | None:
        """The reason and field that most rejects of the range have."""
        ...

    def reject(self, stream: str, rejects: Sequence[Reject]) -> None:
        """Keep what was refused before the log, once for each origin and line."""
        ...


class Watch(Protocol):
    """What the engine tells about its work: once per partition or claim, never per message, from any of its threads.

    Implementations return at once and raise nothing.
    """

    def resumed(self, topic: str, partition: int, offset: int) -> None:
        """The member was given a partition and reads on from `offset`."""
        ...

    def claimed(self, claim: Claim, *, won: bool) -> None:
        """A claim stands: won by this member, or another's that it obeys and finishes."""
        ...

    def stored(self, stored: Stored, insert_s: float) -> None:
        """Every message of the claim was found in the targets, `insert_s` after the first insert began."""
        ...


class Unwatched:
    """Nobody looks."""

    def resumed(self, topic: str, partition: int, offset: int) -> None:
        """Told to nobody."""

    def claimed(self, claim: Claim, *, won: bool) -> None:
        """Told to nobody."""

    def stored(self, stored: Stored, insert_s: float) -> None:
        """Told to nobody."""


class Meter(Protocol):
    """Takes the numbers of the closed list in `headwater.contracts.metrics`, from any thread."""

    def add(self, metric: Metric, value: float = 1, /, **labels: str) -> None:
        """Let a counter grow."""
        ...

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        ...

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Count one value into a histogram."""
        ...


class Pulse(Protocol):
    """A way to send heartbeats: small, late ones are worth nothing."""

    def beat(self, topic: str, value: bytes) -> None:
        """Send `value` to every partition of `topic` without waiting; what the log does not take soon is dropped."""
        ...


@dataclass(frozen=True, slots=True)
class Reject:
    """A line or object that never became a message.

    `sending` tells apart what is sent on purpose again after it was taken out.
    """

    raw: bytes
    reason: str
    detail: str
    origin: str
    line: int
    sending: str = ""


class Keyed(NamedTuple):
    """Messages for one topic, as ASCII text: the key and the value of each."""

    keys: Sequence[str]
    values: Sequence[str]


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
