"""Twins of Kafka and of ClickHouse's books in memory: for fast tests, held to the same behaviour as the real ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import Topic
from headwater.core.flood import CommonReject, Judged
from headwater.core.lines import keyed_lines
from headwater.core.ranges import Batch, Claim, Found, Message, Source, Stored
from headwater.core.verdict import Heartbeat, Rejected, judge
from headwater.core.windows import Mark
from headwater.errors import FixSettings, Retry
from headwater.ports import Clock, FlushLimits, Reject, TopicChange, Watermarks


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until it is moved."""

    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The moment it stands at."""
        return self.moment


@dataclass(slots=True)
class _Topic:
    epoch: UUID
    partitions: list[list[Message]]
    begins: list[int]
    committed: dict[int, int] = field(default_factory=dict)


class MemoryLog:
    """Topics as lists."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._topics: dict[str, _Topic] = {}
        self._senders: dict[str, int] = {}
        self.sent_once: set[str] = set()
        self.relayed: dict[str, dict[int, Mark]] = {}

    def ensure(self, topic: Topic) -> TopicChange:
        """Make the topic, or add partitions."""
        found = self._topics.get(topic.name)
        if found is None:
            self._topics[topic.name] = _Topic(uuid4(), [[] for _ in range(topic.partitions)], [0] * topic.partitions)
            return TopicChange(topic.name, "created", f"{topic.partitions} partitions")
        present = len(found.partitions)
        if present > topic.partitions:
            raise FixSettings(f"Topic {topic.name} has {present} partitions, more than {topic.partitions}.")
        for _ in range(topic.partitions - present):
            found.partitions.append([])
            found.begins.append(0)
        action = "changed" if topic.partitions > present else "unchanged"
        return TopicChange(topic.name, action)

    def delete(self, topic: str) -> None:
        """Forget the topic; when it is made again it has another epoch."""
        del self._topics[topic]

    def retire(self, topic: str, partition: int, before: int) -> None:
        """Remove offsets before `before`, as retention does."""
        found = self._topic(topic)
        found.begins[partition] = before
        found.partitions[partition] = [m for m in found.partitions[partition] if m.offset >= before]

    def epoch(self, topic: str) -> UUID:
        """Identity of the topic."""
        return self._topic(topic).epoch

    def watermarks(self, topic: str) -> Mapping[int, Watermarks]:
        """Offsets of every partition."""
        found = self._topic(topic)
        return {p: Watermarks(found.begins[p], self._end(found, p)) for p in range(len(found.partitions))}

    @contextmanager
    def join(self, topic: str, resume: Callable[[Collection[int]], Mapping[int, int]]) -> Iterator[_MemoryReader]:
        """Become the only member."""
        found = self._topic(topic)
        yield _MemoryReader(self, topic, dict(resume(range(len(found.partitions)))))

    def read_range(self, topic: str, partition: int, from_offset: int, to_offset: int) -> Batch:
        """The messages of [from_offset, to_offset) that are still there."""
        messages = [m for m in self._topic(topic).partitions[partition] if from_offset <= m.offset < to_offset]
        return Batch.of(topic, self.epoch(topic), partition, from_offset, to_offset, messages)

    def has_messages(self, topic: str, partition: int, from_offset: int, to_offset: int) -> bool:
        """Whether a message is there."""
        return bool(len(self.read_range(topic, partition, from_offset, to_offset)))

    @contextmanager
    def once(self, name: str, topics: Sequence[str], closing: bytes) -> Iterator[_MemoryOnce]:
        """Messages that are kept when they are committed, once under their name."""
        sender = self._senders[name] = self._senders.get(name, 0) + 1
        yield _MemoryOnce(self, name, sender)
        for topic in topics:
            for partition in range(len(self._topic(topic).partitions)):
                self._append(topic, partition, closing)

    def commit_once(
        self, name: str, sender: int, messages: Sequence[tuple[str, bytes | None, bytes, str, int]]
    ) -> None:
        """Keep the messages of a sender, unless a later one of its name has come."""
        if self._senders[name] != sender:
            raise Retry(f"Another sender of {name} took over. Run again: what it sent is known.")
        if messages:
            self.sent_once.add(name)
        for message in messages:
            self.send(*message)

    @contextmanager
    def relay(
        self, name: str, topic: str, began: Callable[[int, Mark], None], ended: Callable[[int], None]
    ) -> Iterator[_MemoryRelay]:
        """A member that takes every partition from the one before it."""
        group = f"{name}.{topic}"
        sender = self._senders[group] = self._senders.get(group, 0) + 1
        relay = _MemoryRelay(self, group, topic, sender, self.watermarks(topic))
        for partition, mark in relay.marks.items():
            began(partition, mark)
        yield relay
        for partition in relay.marks:
            ended(partition)

    def commit_relay(
        self,
        group: str,
        sender: int,
        marks: Mapping[int, Mark],
        topic: str,
        messages: Sequence[tuple[bytes, bytes]],
        origin: str,
    ) -> None:
        """Keep messages and marks of a member, unless a later one of its group has come."""
        if self._senders[group] != sender:
            raise Retry("The partitions are another member's now.")
        self.relayed[group] = {**self.relayed.get(group, {}), **marks}
        for key, value in messages:
            self.send(topic, key, value, origin)

    def relayed_to(self, name: str, topic: str) -> Mapping[int, int]:
        """Committed offsets of the group, 0 where there is none."""
        known = self.relayed.get(f"{name}.{topic}", {})
        return {p: known[p].offset if p in known else 0 for p in self.watermarks(topic)}

    @contextmanager
    def sink(self) -> Iterator[MemoryLog]:
        """The log itself takes messages."""
        yield self

    def send(self, topic: str, key: bytes | None, value: bytes, origin: str = "", line: int = 0) -> None:
        """Append one message; equal keys go to one partition."""
        partition = sum(key or b"") % len(self._topic(topic).partitions)
        self._append(topic, partition, value, origin, line)

    def send_lines(self, topic: str, field: str, text: bytes, origin: str, first: int) -> int:
        """Append one message per line."""
        lines = list(keyed_lines(text, field, first))
        for number, line, key in lines:
            self.send(topic, key, line, origin, number)
        return len(lines)

    def _append(self, topic: str, partition: int, value: bytes, origin: str = "", line: int = 0) -> None:
        found = self._topic(topic)
        time_ms = int(self._clock.now().timestamp() * 1000)
        found.partitions[partition].append(Message(self._end(found, partition), value, time_ms, origin, line))

    def flush(self) -> None:
        """Everything is kept at once."""

    def beat(self, topic: str, value: bytes) -> None:
        """Append one message to every partition."""
        found = self._topic(topic)
        time_ms = int(self._clock.now().timestamp() * 1000)
        for partition, messages in enumerate(found.partitions):
            messages.append(Message(self._end(found, partition), value, time_ms))

    def commit(self, topic: str, partition: int, offset: int) -> None:
        """Note the group's offset."""
        self._topic(topic).committed[partition] = offset

    def committed(self, topic: str) -> Mapping[int, int]:
        """The group's offsets."""
        return dict(self._topic(topic).committed)

    def _topic(self, topic: str) -> _Topic:
        if topic not in self._topics:
            raise FixSettings(f"Kafka has no topic {topic}. Run `headwater topics` to create the topics.")
        return self._topics[topic]

    @staticmethod
    def _end(found: _Topic, partition: int) -> int:
        messages = found.partitions[partition]
        return messages[-1].offset + 1 if messages else found.begins[partition]


class _MemoryOnce:
    def __init__(self, log: MemoryLog, name: str, sender: int) -> None:
        self._log = log
        self._name = name
        self._sender = sender
        self._queued: list[tuple[str, bytes | None, bytes, str, int]] = []

    @property
    def was_sent(self) -> bool:
        """Whether messages were committed under this name before."""
        return self._name in self._log.sent_once

    def send(self, topic: str, key: bytes | None, value: bytes, origin: str = "", line: int = 0) -> None:
        """Queue one message."""
        self._queued.append((topic, key, value, origin, line))

    def flush(self) -> None:
        """Nothing is on its way."""

    def commit(self) -> None:
        """Keep what was queued."""
        self._log.commit_once(self._name, self._sender, self._queued)


class _MemoryRelay:
    def __init__(
        self, log: MemoryLog, group: str, topic: str, sender: int, watermarks: Mapping[int, Watermarks]
    ) -> None:
        self._log = log
        self._group = group
        self._topic = topic
        self._sender = sender
        known = log.relayed.get(group, {})
        self.marks = {p: known.get(p, Mark(mark.begin)) for p, mark in watermarks.items()}
        self._positions = {p: mark.offset for p, mark in self.marks.items()}

    def poll(self, timeout_s: float) -> Sequence[tuple[int, Message]]:  # noqa: ARG002
        """Everything that came since the last time."""
        received = []
        for partition, mark in self._log.watermarks(self._topic).items():
            batch = self._log.read_range(self._topic, partition, self._positions[partition], mark.end)
            received += [(partition, message) for message in batch.messages()]
            self._positions[partition] = mark.end
        return received

    def commit(
        self, partition: int, mark: Mark, topic: str, messages: Sequence[tuple[bytes, bytes]], origin: str
    ) -> None:
        """Keep both or none."""
        self._log.commit_relay(self._group, self._sender, {partition: mark}, topic, messages, origin)


class _MemoryReader:
    def __init__(self, log: MemoryLog, topic: str, positions: dict[int, int]) -> None:
        self._log = log
        self._topic = topic
        self._positions = positions
        self.caught_up = False

    def poll(self, limits: FlushLimits, timeout_s: float) -> Sequence[Batch]:  # noqa: ARG002
        """What is there, cut by rows."""
        batches = []
        for partition, mark in self._log.watermarks(self._topic).items():
            position = self._positions[partition]
            end = min(mark.end, position + limits.rows)
            batch = self._log.read_range(self._topic, partition, position, end)
            if len(batch):
                batches.append(batch)
                self._positions[partition] = end
        self.caught_up = not batches
        return batches

    def has_read(self, until: Mapping[int, int]) -> bool:
        """Whether everything before these offsets was taken."""
        return all(position >= until.get(partition, 0) for partition, position in self._positions.items())

    def flush(self, limits: FlushLimits) -> Sequence[Sequence[Batch]]:  # noqa: ARG002
        """Nothing is held back."""
        return []

    def seek(self, partition: int, offset: int) -> None:
        """Read on from `offset`."""
        self._positions[partition] = offset

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Note the group's offsets."""
        for partition, offset in offsets.items():
            self._log.commit(self._topic, partition, offset)


@dataclass(slots=True)
class Books:
    """What members of one group share: claims and rows as lists, tokens as a set."""

    claims: list[Claim] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    stored: dict[UUID, Stored] = field(default_factory=dict)
    rows: dict[tuple[str, UUID, int, int], str] = field(default_factory=dict)
    reasons: dict[tuple[str, UUID, int, int], tuple[str, str]] = field(default_factory=dict)
    rejects: dict[tuple[str, str, int, str], Reject] = field(default_factory=dict)


class MemoryLedger:
    """One member's view of the books."""

    def __init__(self, books: Books | None = None) -> None:
        self.books = books or Books()

    def claims(self, topic: str, epoch: UUID) -> Sequence[Claim]:
        """The last claim of every partition."""
        last: dict[int, Claim] = {}
        for claim in sorted(self._of(topic, epoch), key=lambda c: c.from_offset):
            last[claim.partition] = claim
        return list(last.values())

    def open_claims(self, topic: str, epoch: UUID) -> Sequence[Claim]:
        """Claims that are not known to be stored."""
        claims = [c for c in self._of(topic, epoch) if c.claim_id not in self.books.stored]
        return sorted(claims, key=lambda c: (c.partition, c.from_offset))

    def other_epochs(self, topic: str, epoch: UUID) -> Mapping[UUID, Mapping[int, int]]:
        """Claimed offsets of other topics of this name."""
        others = {c.epoch for c in self.books.claims if c.topic == topic and c.epoch != epoch}
        return {other: {c.partition: c.to_offset for c in self.claims(topic, other)} for other in others}

    def propose(self, claim: Claim) -> None:
        """Keep the first proposal of a start and generation."""
        if claim.claim_token not in self.books.tokens:
            self.books.tokens.add(claim.claim_token)
            self.books.claims.append(claim)

    def standing(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Of each start the claim of the lowest generation."""
        starts = {(c.topic, c.epoch, c.partition, c.from_offset) for c in claims}
        found: dict[tuple[str, UUID, int, int], Claim] = {}
        for claim in sorted(self.books.claims, key=lambda c: c.generation):
            start = (claim.topic, claim.epoch, claim.partition, claim.from_offset)
            if start in starts:
                found.setdefault(start, claim)
        return list(found.values())

    def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
        """Judge and keep the messages, unless the token is known."""
        token = claims[0].store_token(generation)
        if token in self.books.tokens:
            return
        self.books.tokens.add(token)
        for batch in read():
            for message in batch.messages():
                self._keep(stream, batch, message)

    def _keep(self, stream: str, batch: Batch, message: Message) -> None:
        verdict = judge(STREAMS[stream], message.raw, datetime.fromtimestamp(message.kafka_time_ms / 1000, UTC))
        target = {Rejected: "dead_letters", Heartbeat: "heartbeats"}.get(type(verdict), "staged")
        place = batch.topic, batch.epoch, batch.partition, message.offset
        self.books.rows[place] = target
        if isinstance(verdict, Rejected):
            self.books.reasons[place] = verdict.reason.value, verdict.field

    def lose_rows(self) -> None:
        """Forget rows and keep tokens, as a crash at the rename of a part does."""
        self.books.rows.clear()

    def find(self, stream: str, claims: Sequence[Claim]) -> Sequence[Found]:  # noqa: ARG002
        """Count the rows of each range."""
        return [self._found(claim) for claim in claims]

    def _found(self, claim: Claim) -> Found:
        targets = [self.books.rows[key] for key in self._range(claim)]
        return Found(targets.count("staged"), targets.count("dead_letters"), targets.count("heartbeats"), len(targets))

    def present(self, stream: str, claim: Claim) -> Sequence[int]:  # noqa: ARG002
        """Offsets of the range that are kept."""
        return [key[3] for key in self._range(claim)]

    def mark_stored(self, stored: Sequence[Stored], *, doubtful: bool) -> None:  # noqa: ARG002
        """Close the claims."""
        for each in stored:
            self.books.stored.setdefault(each.claim.claim_id, each)

    def is_stored(self, claims: Sequence[Claim]) -> bool:
        """Whether the claims are closed."""
        return all(claim.claim_id in self.books.stored for claim in claims)

    def judged_before(self, claim: Claim) -> Sequence[Judged]:
        """Stored claims of the partition before this one, in order."""
        stored = [s for s in self.books.stored.values() if _stands_before(s.claim, claim)]
        return [Judged(s.found.total, s.found.dead_letters) for s in sorted(stored, key=lambda s: s.claim.from_offset)]

    def common_reject(self, claim: Claim) -> CommonReject | None:
        """The reason and field that most rejects of the range have."""
        reasons = Counter(self.books.reasons[key] for key in self._range(claim) if key in self.books.reasons)
        return next((CommonReject(*reason, events) for reason, events in reasons.most_common(1)), None)

    def reject(self, stream: str, rejects: Sequence[Reject]) -> None:
        """Keep refused lines once."""
        for reject in rejects:
            self.books.rejects.setdefault((stream, reject.origin, reject.line, reject.sending), reject)

    def stored(self) -> Sequence[Stored]:
        """Everything that was closed."""
        return list(self.books.stored.values())

    def _of(self, topic: str, epoch: UUID) -> list[Claim]:
        return [c for c in self.books.claims if c.topic == topic and c.epoch == epoch]

    def _range(self, claim: Claim) -> list[tuple[str, UUID, int, int]]:
        return [
            key
            for key in self.books.rows
            if key[:3] == (claim.topic, claim.epoch, claim.partition) and claim.from_offset <= key[3] < claim.to_offset
        ]


def _stands_before(one: Claim, other: Claim) -> bool:
    same = (one.topic, one.epoch, one.partition) == (other.topic, other.epoch, other.partition)
    return same and one.from_offset < other.from_offset
