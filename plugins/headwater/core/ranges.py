"""Ranges of a topic partition, the claims made on them, and the messages in them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one partition of one epoch, as columns of equal length, in the order of their offsets.

    The range is [from_offset, to_offset); offsets may have gaps where producers are transactional.
    """

    topic: str
    epoch: UUID
    partition: int
    from_offset: int
    to_offset: int
    offsets: Sequence[int]
    raw: Sequence[bytes]
    kafka_time_ms: Sequence[int]
    origins: Sequence[str]
    origin_lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def size_bytes(self) -> int:
        """Bytes of all message values."""
        return sum(map(len, self.raw))

    def without(self, present: Collection[int]) -> Batch:
        """The same range with only the messages whose offsets are not in `present`."""
        held = set(present)
        kept = [i for i, offset in enumerate(self.offsets) if offset not in held]
        return replace(
            self,
            offsets=[self.offsets[i] for i in kept],
            raw=[self.raw[i] for i in kept],
            kafka_time_ms=[self.kafka_time_ms[i] for i in kept],
            origins=[self.origins[i] for i in kept],
            origin_lines=[self.origin_lines[i] for i in kept],
        )


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
