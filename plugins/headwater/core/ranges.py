"""Ranges of a topic partition, the claims made on them, and the messages in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
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


# The messages of a range; asked for again when they must be sent again, so that nobody keeps what was sent.
Source = Callable[[], Batch]


class Held:
    """A batch until it is taken: then its memory belongs to the one who took it, and only its range is left."""

    def __init__(self, batch: Batch) -> None:
        self._batch: Batch | None = batch
        self.partition = batch.partition
        self.from_offset = batch.from_offset
        self.to_offset = batch.to_offset
        self.rows = len(batch)

    def take(self, read: Source) -> Batch:
        """The batch, once; after that what `read` gives, whose number of messages counts from then on."""
        batch, self._batch = self._batch, None
        if batch is None:
            batch = read()
            self.rows = len(batch)
        return batch


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

    @property
    def claim_token(self) -> str:
        """Equal for all who claim the same start of a range, so that exactly one of them wins."""
        return f"claim:{self.topic}:{self.epoch}:{self.partition}:{self.from_offset}:{self.generation}"

    def store_token(self, generation: int) -> str:
        """Equal for all who store this claim; a later generation stores only what a crash had taken."""
        return f"store:{self.claim_id}:{generation}"

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
