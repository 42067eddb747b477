"""Ranges of a topic partition, the claims made on them, and the messages in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.columns import Column

MILLISECONDS = pa.timestamp("ms", "UTC")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the log; `origin` and `origin_line` say where it was read, if anybody knows."""

    offset: int
    raw: bytes
    kafka_time_ms: int
    origin: str = ""
    origin_line: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one partition of one epoch, as Arrow arrays of equal length, in the order of their offsets.

    The range is [from_offset, to_offset); offsets may have gaps where producers are transactional.
    Types: `raw` binary, `offsets` and `origin_lines` uint64, `kafka_time` timestamp[ms, UTC], `origins` string.
    """

    topic: str
    epoch: UUID
    partition: int
    from_offset: int
    to_offset: int
    offsets: Column
    raw: Column
    kafka_time: Column
    origins: Column
    origin_lines: Column

    @classmethod
    def of(
        cls, topic: str, epoch: UUID, partition: int, from_offset: int, to_offset: int, messages: Iterable[Message]
    ) -> Self:
        """A batch of single messages."""
        given = list(messages)
        return cls(
            topic, epoch, partition, from_offset, to_offset,
            pa.array([m.offset for m in given], pa.uint64()),
            pa.array([m.raw for m in given], pa.binary()),
            pa.array([m.kafka_time_ms for m in given], MILLISECONDS),
            pa.array([m.origin for m in given], pa.string()),
            pa.array([m.origin_line for m in given], pa.uint64()),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.offsets)

    def messages(self) -> Iterator[Message]:
        """The messages one by one."""
        times = self.kafka_time.cast(pa.int64())
        for row in zip(self.offsets, self.raw, times, self.origins, self.origin_lines, strict=True):
            yield Message(*(value.as_py() for value in row))

    def without(self, present: Collection[int]) -> Batch:
        """The same range with only the messages whose offsets are not in `present`."""
        kept = pc.invert(pc.is_in(self.offsets, pa.array(sorted(present), pa.uint64())))
        names = ("offsets", "raw", "kafka_time", "origins", "origin_lines")
        return replace(self, **{name: getattr(self, name).filter(kept) for name in names})


# The messages of some ranges; asked for again when they must be sent again, so that nobody keeps what was sent.
Source = Callable[[], Sequence[Batch]]


class Held:
    """Batches of different partitions until they are taken: then their memory belongs to the one who took them."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches: Sequence[Batch] | None = list(batches)
        self.ranges = [Range(b.partition, b.from_offset, b.to_offset, len(b)) for b in self._batches]

    @property
    def rows(self) -> int:
        """Messages in all of them."""
        return sum(each.messages for each in self.ranges)

    def rows_of(self, partition: int) -> int:
        """Messages of one partition."""
        return sum(each.messages for each in self.ranges if each.partition == partition)

    def only(self, partitions: Collection[int]) -> Held:
        """Those of these partitions; the others are let go, and nothing is held here any more."""
        batches, self._batches = self._batches or (), None
        return Held(batch for batch in batches if batch.partition in partitions)

    def take(self, read: Source) -> Sequence[Batch]:
        """The batches, once; after that what `read` gives, whose numbers of messages count from then on."""
        batches, self._batches = self._batches, None
        if batches is None:
            batches = read()
            self.ranges = [Range(b.partition, b.from_offset, b.to_offset, len(b)) for b in batches]
        return batches


@dataclass(frozen=True, slots=True)
class Range:
    """Consecutive messages of a partition: [from_offset, to_offset), and how many there are."""

    partition: int
    from_offset: int
    to_offset: int
    messages: int


@dataclass(frozen=True, slots=True)
class Share(Range):
    """What one of several claims that were proposed together is about."""

    claim_id: UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """The record that a range will be stored; whoever reads it may do the work, with the same outcome."""

    topic: str
    epoch: UUID
    partition: int
    from_offset: int
    to_offset: int
    messages: int
    generation: int
    claim_id: UUID
    ingested_at: datetime
    contract_version: int
    member: str
    together: tuple[Share, ...] = ()
    """Claims that were proposed with this one, to be stored by one insert, itself among them; empty when alone."""

    @property
    def proposed(self) -> Sequence[Claim]:
        """The claims that were proposed together, as they were proposed."""
        return [
            replace(
                self, partition=share.partition, from_offset=share.from_offset, to_offset=share.to_offset,
                messages=share.messages, claim_id=share.claim_id, generation=0,
            )
            for share in self.together
        ] or [self]  # fmt: skip

    @property
    def work_id(self) -> UUID:
        """Equal for all claims that are stored by one insert."""
        return self.together[0].claim_id if self.together else self.claim_id

    @property
    def claim_token(self) -> str:
        """Equal for all who claim the same start of a range, so that exactly one of them wins."""
        return f"claim:{self.topic}:{self.epoch}:{self.partition}:{self.from_offset}:{self.generation}"

    def store_token(self, generation: int) -> str:
        """Equal for all who store this claim and those with it; a later generation stores what a crash had taken."""
        return f"store:{self.work_id}:{generation}"

    def lost(self, found: int) -> int:
        """Messages that the log no longer had; a claim of no messages records a range that was gone before."""
        return self.messages - found if self.messages else self.to_offset - self.from_offset

    def describe(self) -> str:
        """Topic, partition and offsets for messages to people."""
        return f"{self.topic} partition {self.partition}, offsets {self.from_offset:,}–{self.to_offset - 1:,}"


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of a claimed range that the targets hold."""

    staged: int
    dead_letters: int
    heartbeats: int
    distinct_offsets: int

    @property
    def total(self) -> int:
        """Rows over all targets."""
        return self.staged + self.dead_letters + self.heartbeats


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one claim."""

    claim: Claim
    found: Found
    lost: int
    repairs: int
