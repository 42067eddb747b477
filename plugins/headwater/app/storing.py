"""Store batches of one stream: claim, insert, count, mark. Each step can be repeated by anyone after a crash.

A claim is an insert whose token is the start of its range, so that of several members exactly one wins and all obey
it; storing a claim is an insert whose token is the claim.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID, uuid4

from headwater.app.flood import FloodGuard
from headwater.contracts.streams import Stream
from headwater.core.flood import FloodLimit
from headwater.core.ranges import Batch, Claim, Held, Stored
from headwater.errors import Retry, Stop
from headwater.ports import Clock, EventLog, Ledger, Unwatched, Watch

log_ = logging.getLogger(__name__)

_MAX_GENERATIONS = 8


@dataclass(slots=True)
class Moved:
    """What one run of the engine stored, summed over its claims."""

    stream: str
    messages: int = 0
    staged: int = 0
    dead_letters: int = 0
    heartbeats: int = 0
    lost: int = 0
    repairs: int = 0
    claims: int = 0
    partitions: Counter[int] = field(default_factory=Counter)

    def add(self, stored: Stored) -> None:
        """Count one stored claim."""
        self.messages += stored.claim.messages
        self.staged += stored.found.staged
        self.dead_letters += stored.found.dead_letters
        self.heartbeats += stored.found.heartbeats
        self.lost += stored.lost
        self.repairs += stored.repairs
        self.claims += 1
        self.partitions[stored.claim.partition] += stored.claim.messages


@dataclass(frozen=True, slots=True)
class Done:
    """A partition is stored up to `to_offset`; `astray` when the reader must go on from there, not from its batch."""

    partition: int
    to_offset: int
    astray: bool = False


class Storer:
    """Stores what one member reads, from any number of threads: of one partition one batch after the other."""

    def __init__(
        self,
        stream: Stream,
        log: EventLog,
        ledger: Ledger,
        clock: Clock,
        watch: Watch | None = None,
        flood: FloodLimit | None = None,
    ) -> None:
        self._stream = stream
        self._log = log
        self._ledger = ledger
        self._clock = clock
        self._watch = watch or Unwatched()
        self._guard = FloodGuard(ledger, flood or FloodLimit())
        self._member = f"{socket.gethostname()}/{os.getpid()}"
        self.epoch: UUID = log.epoch(stream.topic)
        self._next: dict[int, int] = {}
        self._lock = threading.Lock()
        self.moved = Moved(stream.name)

    def resume(self, partition: int) -> int:
        """Finish what was claimed and not stored of `partition`; returns the offset after the last claim."""
        for claim in self._ledger.open_claims(self._stream.topic, self.epoch):
            if claim.partition == partition:
                self._watch.claimed(claim, won=False)
                self._finish(claim, Held(self._read(claim)), fresh=False)
        ends = [c.to_offset for c in self._ledger.claims(self._stream.topic, self.epoch) if c.partition == partition]
        position = max(ends, default=0)
        begin = self._log.watermarks(self._stream.topic)[partition].begin
        offset = self._record_loss(partition, position, begin) if begin > position else position
        self._next[partition] = offset
        self._watch.resumed(self._stream.topic, partition, offset)
        return offset

    def store(self, batch: Held) -> Done:
        """Claim the batch and store what stands there then: the batch, or another member's range.

        A batch that does not begin where the partition is stored up to is left alone: its reader went astray when
        another member was first, or read on after the partition had been taken away and given back.
        """
        expected = self._next.get(batch.partition, batch.from_offset)
        if batch.from_offset != expected:
            return Done(batch.partition, expected, astray=True)
        self._demand_epoch()
        proposal = self._proposal(batch.partition, batch.from_offset, batch.to_offset, batch.rows)
        claim = self._claim(proposal)
        own = claim.to_offset == batch.to_offset and claim.messages == batch.rows
        fresh = claim.claim_id == proposal.claim_id
        self._finish(claim, batch if own else Held(self._read(claim)), fresh=fresh)
        self._next[batch.partition] = claim.to_offset
        return Done(batch.partition, claim.to_offset, astray=not own)

    def notice_new_epoch(self) -> None:
        """The same as before every batch, for a member that reads nothing; while Kafka is away, it goes on waiting."""
        try:
            epoch = self._log.epoch(self._stream.topic)
        except Retry:
            return
        self._demand(epoch)

    def _demand_epoch(self) -> None:
        """What was read may come from a topic of the same name that was made after this member began."""
        self._demand(self._log.epoch(self._stream.topic))

    def _demand(self, epoch: UUID) -> None:
        if epoch != self.epoch:
            raise Retry(
                f"{self._stream.topic} was deleted and made again while it was read. Nothing of the new topic was "
                "stored under the old one; what the old one held after the last claim is gone with it. "
                "The next start reads the new topic from its beginning.",
                topic=self._stream.topic,
                old=self.epoch,
                new=epoch,
            )

    def _record_loss(self, partition: int, position: int, begin: int) -> int:
        """Retention removed offsets that nobody had read: say so loudly, and go on after them."""
        self._demand_epoch()
        claim = self._claim(self._proposal(partition, position, begin, messages=0))
        self._finish(claim, Held(self._read(claim)), fresh=False)
        return claim.to_offset

    def _claim(self, proposal: Claim) -> Claim:
        """The claim that stands at the start of the proposal: this member's or another's."""
        claim = self._ledger.claim(proposal)
        self._watch.claimed(claim, won=claim.claim_id == proposal.claim_id)
        return claim

    def _proposal(self, partition: int, from_offset: int, to_offset: int, messages: int) -> Claim:
        return Claim(
            topic=self._stream.topic,
            epoch=self.epoch,
            partition=partition,
            from_offset=from_offset,
            to_offset=to_offset,
            messages=messages,
            generation=0,
            claim_id=uuid4(),
            ingested_at=self._clock.now(),
            contract_version=self._stream.version,
            member=self._member,
        )

    def _read(self, claim: Claim, present: Collection[int] = ()) -> Batch:
        """What the log has of the range but for `present`; not what another topic of this name has at these offsets."""
        batch = self._log.read_range(claim.topic, claim.partition, claim.from_offset, claim.to_offset)
        self._demand_epoch()
        return batch.without(present) if present else batch

    def _finish(self, claim: Claim, batch: Held, *, fresh: bool) -> None:
        """Store the claim and count its rows in every target until each message is there once.

        `fresh`: this member has just made the claim, so that nobody tried before.

        The engine logs a token before it shows the part, so a crash can leave a token without rows: what the count
        misses is inserted under the next generation of the token.
        """
        missing, present = batch, frozenset[int]()
        began_s = time.monotonic()
        for generation in range(_MAX_GENERATIONS):
            if missing.rows:
                again = partial(self._read, claim, present)
                self._ledger.store(self._stream.name, claim, partial(missing.take, again), generation)
            found = self._ledger.find(self._stream.name, claim)
            if found.total != found.distinct_offsets or found.total > claim.messages:
                raise Stop(
                    f"{claim.describe()}: {found.total:,} rows stand for {claim.messages:,} messages. Nothing was "
                    "committed. Run `headwater verify` and look at the range before going on.",
                    claim=claim,
                    found=found,
                )
            if found.total < len(present) + missing.rows:
                if self._ledger.is_stored(claim):
                    return  # by another member while this one slept; what is gone since was taken out on purpose
                # Where another member adds the rest at this moment, the next count shows it.
                present = frozenset(self._ledger.present(self._stream.name, claim))
                missing = Held(self._read(claim, present))
            else:
                self._guard.check(claim, found)
                lost = claim.lost(found.total)
                if lost:
                    log_.error("%s: retention removed %d offsets before they were stored", claim.describe(), lost)
                self._ledger.mark_stored(stored := Stored(claim, found, lost, generation), doubtful=not fresh)
                with self._lock:
                    self.moved.add(stored)
                self._watch.stored(stored, time.monotonic() - began_s)
                return
        raise Stop(f"{claim.describe()}: rows are still missing after {_MAX_GENERATIONS} inserts.", claim=claim)
