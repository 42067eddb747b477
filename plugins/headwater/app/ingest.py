"""Move a stream from the log into the warehouse, exactly once.

The order is claim, store, count, mark, commit. Each step can be repeated by anyone after a crash:
a claim is an insert whose token is the start of its range, so that of several members exactly one wins and all
obey it; storing a claim is an insert whose token is the claim; Kafka's committed offset is advice only.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import uuid4

from headwater.contracts.streams import Stream
from headwater.core.ranges import Batch, Claim, Stored
from headwater.errors import Retry, Stop
from headwater.ports import Clock, EventLog, EventReader, FlushLimits, Ledger

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


class Ingest:
    """The engine for one stream: used to drain what is there and to run on."""

    def __init__(self, stream: Stream, log: EventLog, ledger: Ledger, clock: Clock) -> None:
        self._stream = stream
        self._log = log
        self._ledger = ledger
        self._clock = clock
        self._member = f"{socket.gethostname()}/{os.getpid()}"
        self._epoch = log.epoch(stream.topic)
        self.moved = Moved(stream.name)

    def drain(self, limits: FlushLimits, timeout_s: float = 600.0) -> Moved:
        """Store everything that the topic holds now, then return.

        Waits until claims cover the end offsets seen at the start, whoever stores them.
        Raises `Retry` when that takes longer than `timeout_s`.
        """
        until = {p: w.end for p, w in self._log.watermarks(self._stream.topic).items()}
        deadline = self._clock.now().timestamp() + timeout_s
        if not self._behind(until):
            return self.moved
        with self._log.join(self._stream.topic, self._resume) as reader:
            while self._behind(until):
                self._store_all(reader, reader.poll(limits, timeout_s=0.2) or reader.flush())
                if self._clock.now().timestamp() > deadline:
                    raise Retry(
                        f"{self._stream.topic} was not drained within {timeout_s:.0f} s: partitions "
                        f"{sorted(self._behind(until))} are still behind. Nothing is lost; run again.",
                    )
        return self.moved

    def run(self, limits: FlushLimits, stop: Callable[[], bool]) -> Moved:
        """Store what comes until `stop()` is true, then store what was collected and return."""
        with self._log.join(self._stream.topic, self._resume) as reader:
            while not stop():
                self._store_all(reader, reader.poll(limits, timeout_s=0.2))
            self._store_all(reader, reader.flush())
        return self.moved

    def _behind(self, until: dict[int, int]) -> dict[int, int]:
        """Partitions whose stored claims do not reach `until` yet, with the offset they have reached."""
        reached = {c.partition: c.to_offset for c in self._ledger.claims(self._stream.topic, self._epoch)}
        open_from: dict[int, int] = {}
        for claim in self._ledger.open_claims(self._stream.topic, self._epoch):
            open_from.setdefault(claim.partition, claim.from_offset)
        done = {p: open_from.get(p, reached.get(p, 0)) for p in until}
        return {p: done[p] for p, end in until.items() if done[p] < end}

    def _resume(self, partition: int) -> int:
        """Finish what was claimed and not stored of `partition`; returns the offset after the last claim."""
        for claim in self._ledger.open_claims(self._stream.topic, self._epoch):
            if claim.partition == partition:
                self._finish(claim, self._read(claim))
        ends = [c.to_offset for c in self._ledger.claims(self._stream.topic, self._epoch) if c.partition == partition]
        position = max(ends, default=0)
        begin = self._log.watermarks(self._stream.topic)[partition].begin
        return self._record_loss(partition, position, begin) if begin > position else position

    def _record_loss(self, partition: int, position: int, begin: int) -> int:
        """Retention removed offsets that nobody had read: say so loudly, and go on after them."""
        claim = self._ledger.claim(self._proposal(partition, position, begin, messages=0))
        self._finish(claim, self._read(claim))
        return claim.to_offset

    def _store_all(self, reader: EventReader, batches: Iterable[Batch]) -> None:
        for batch in batches:
            claim = self._ledger.claim(self._proposal(batch.partition, batch.from_offset, batch.to_offset, len(batch)))
            if claim.to_offset == batch.to_offset and claim.messages == len(batch):
                self._finish(claim, batch)
            else:  # another member was first with another range: do its work, then go on behind it
                self._finish(claim, self._read(claim))
                reader.seek(claim.partition, claim.to_offset)
            reader.commit(claim.partition, claim.to_offset)

    def _proposal(self, partition: int, from_offset: int, to_offset: int, messages: int) -> Claim:
        return Claim(
            topic=self._stream.topic,
            epoch=self._epoch,
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

    def _read(self, claim: Claim) -> Batch:
        return self._log.read_range(claim.topic, claim.partition, claim.from_offset, claim.to_offset)

    def _finish(self, claim: Claim, batch: Batch) -> None:
        """Store the claim and count its rows in every target until each message is there once.

        The engine logs a token before it shows the part, so a crash can leave a token without rows: what the count
        misses is inserted under the next generation of the token.
        """
        missing = batch
        for generation in range(_MAX_GENERATIONS):
            if len(missing):
                self._ledger.store(self._stream.name, claim, missing, generation)
            found = self._ledger.find(self._stream.name, claim)
            if found.total != found.distinct_offsets or found.total > claim.messages:
                raise Stop(
                    f"{claim.describe()}: {found.total:,} rows stand for {claim.messages:,} messages. Nothing was "
                    "committed. Run `headwater verify` and look at the range before going on.",
                    claim=claim,
                    found=found,
                )
            is_whole = found.total >= len(batch)
            missing = missing if is_whole else batch.without(self._ledger.present(self._stream.name, claim))
            if is_whole or not len(missing):
                lost = claim.lost(found.total)
                if lost:
                    log_.error("%s: retention removed %d offsets before they were stored", claim.describe(), lost)
                self._note(Stored(claim, found, lost=lost, repairs=generation))
                return
        raise Stop(f"{claim.describe()}: rows are still missing after {_MAX_GENERATIONS} inserts.", claim=claim)

    def _note(self, stored: Stored) -> None:
        self._ledger.mark_stored(stored)
        self.moved.add(stored)
