"""Store batches of one stream: claim, insert, count, mark. Each step can be repeated by anyone after a crash.

A claim is an insert whose token is the start of its range, so that of several members exactly one wins and all obey
it. Batches of several partitions may be claimed together, each by a claim of its own that names the others: those of
them that won are one *work*, stored by one insert whose token is the work. Whoever takes up one of them first proposes
the others too, as the first member would have done next; so all find the same claims standing and store the same rows.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID, uuid4

from headwater.app.flood import FloodGuard
from headwater.contracts.streams import Stream
from headwater.core.flood import FloodLimit
from headwater.core.ranges import Batch, Claim, Found, Held, Range, Share, Stored
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

    def resume(self, partitions: Collection[int]) -> dict[int, int]:
        """Finish what was claimed and not stored of these partitions; returns the offsets after their last claims."""
        # The last claims first: what another member claims from now on is found open, or begins where this one goes on.
        known = [*self._ledger.claims(self._stream.topic, self.epoch)]
        still_open = [c for c in self._ledger.open_claims(self._stream.topic, self.epoch) if c.partition in partitions]
        self._tell(still_open, ())
        for claim in _one_of_each_work(still_open):
            self._finish_work(claim)
        positions = dict.fromkeys(partitions, 0)
        for claim in [*known, *still_open]:
            if claim.partition in positions:
                positions[claim.partition] = max(positions[claim.partition], claim.to_offset)
        marks = self._log.watermarks(self._stream.topic)
        return {partition: self._begin(partition, at, marks[partition].begin) for partition, at in positions.items()}

    def _begin(self, partition: int, position: int, begin: int) -> int:
        """Where the partition is read on: at `position`, or at `begin` where the log has nothing before it any more."""
        offset = self._record_loss(partition, position, begin) if begin > position else position
        self._next[partition] = offset
        self._watch.resumed(self._stream.topic, partition, offset)
        return offset

    def store(self, held: Held) -> list[Done]:
        """Claim batches of different partitions and store what stands there then: they, or another member's ranges.

        A batch that does not begin where its partition is stored up to is left alone: its reader went astray when
        another member was first, or read on after the partition had been taken away and given back.
        """
        expected = {each.partition: self._next.get(each.partition, each.from_offset) for each in held.ranges}
        begins = {each.partition for each in held.ranges if each.from_offset == expected[each.partition]}
        astray = [Done(p, offset, astray=True) for p, offset in expected.items() if p not in begins]
        if not begins:
            return astray
        self._demand_epoch()
        batches = held.only(begins)
        proposals = self._proposals(batches.ranges)
        ids = {claim.claim_id for claim in proposals}
        claims = self._claim(proposals)
        own = [claim for claim in claims if claim.claim_id in ids]
        self._tell(claims, ids)
        if own:
            self._finish(own, batches.only({claim.partition for claim in own}), fresh=True)
        for claim in _one_of_each_work(claim for claim in claims if claim.claim_id not in ids):
            self._finish_work(claim)
        self._next |= {claim.partition: claim.to_offset for claim in claims}
        return astray + [Done(c.partition, c.to_offset, astray=c.claim_id not in ids) for c in claims]

    def has_stored(self, until: Mapping[int, int]) -> bool:
        """Whether this member knows without looking that everything before these offsets is stored."""
        return all(self._next.get(partition, 0) >= offset for partition, offset in until.items())

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
        proposals = self._proposals([Range(partition, position, begin, messages=0)])
        (claim,) = claims = self._claim(proposals)
        self._tell(claims, {claim.claim_id for claim in proposals})
        self._finish_work(claim)
        return claim.to_offset

    def _proposals(self, ranges: Sequence[Range]) -> list[Claim]:
        """Claims of these ranges, to be stored together."""
        shares = tuple(Share(r.partition, r.from_offset, r.to_offset, r.messages, uuid4()) for r in ranges)
        first = Claim(
            topic=self._stream.topic,
            epoch=self.epoch,
            partition=shares[0].partition,
            from_offset=shares[0].from_offset,
            to_offset=shares[0].to_offset,
            messages=shares[0].messages,
            generation=0,
            claim_id=shares[0].claim_id,
            ingested_at=self._clock.now(),
            contract_version=self._stream.version,
            member=self._member,
            together=shares if len(shares) > 1 else (),
        )
        return list(first.proposed)

    def _claim(self, proposals: Sequence[Claim], standing: Sequence[Claim] = ()) -> list[Claim]:
        """The claims that stand at the starts of the proposals, this member's or others', where these do already."""
        for generation in range(_MAX_GENERATIONS):
            taken = {(claim.partition, claim.from_offset) for claim in standing}
            absent = [claim for claim in proposals if (claim.partition, claim.from_offset) not in taken]
            if not absent:
                return list(standing)
            for claim in absent:
                self._ledger.propose(replace(claim, generation=generation))
            standing = self._ledger.standing(proposals)
        raise Stop(f"{proposals[0].describe()}: the claims table keeps no claim. Check its disk and settings.")

    def _tell(self, claims: Iterable[Claim], own: Collection[UUID]) -> None:
        for claim in claims:
            self._watch.claimed(claim, won=claim.claim_id in own)

    def _finish_work(self, claim: Claim) -> None:
        """Store a claim that stands, and those that are stored with it: of the claims proposed together, which stand.

        The member that proposed them may have been stopped in between, so that this is to be settled first.
        """
        proposed = claim.proposed
        ids = {each.claim_id for each in proposed}
        claims = [each for each in self._claim(proposed, self._ledger.standing(proposed)) if each.claim_id in ids]
        if claim.claim_id not in {each.claim_id for each in claims}:
            raise Retry(f"{claim.describe()}: another claim stands there by now. The next start obeys it.", claim=claim)
        self._finish(claims, Held(self._read(claims)), fresh=False)

    def _read(self, claims: Iterable[Claim], present: Mapping[int, Collection[int]] | None = None) -> list[Batch]:
        """What the log has of the ranges, but for `present` offsets by partition.

        Not what another topic of this name has at these offsets.
        """
        batches = [self._log.read_range(c.topic, c.partition, c.from_offset, c.to_offset) for c in claims]
        self._demand_epoch()
        return [batch.without(present[batch.partition]) for batch in batches] if present else batches

    def _finish(self, claims: Sequence[Claim], batches: Held, *, fresh: bool) -> None:
        """Store the claims of one work and count their rows in every target until each message is there once.

        `fresh`: this member has just made the claims, so that nobody tried before.

        The engine logs a token before it shows the part, so a crash can leave a token without rows: what the count
        misses is inserted under the next generation of the token.
        """
        missing, present = batches, dict[int, frozenset[int]]()
        repairs = Counter[int]()
        began_s = time.monotonic()
        for generation in range(_MAX_GENERATIONS):
            if missing.rows:
                again = partial(self._read, claims, present)
                self._ledger.store(self._stream.name, claims, partial(missing.take, again), generation)
            found = self._found(claims)
            short = [
                c.partition
                for c in claims
                if found[c.partition].total < len(present.get(c.partition, ())) + missing.rows_of(c.partition)
            ]
            if not short:
                self._close(claims, found, repairs, fresh=fresh, began_s=began_s)
                return
            if self._ledger.is_stored(claims):
                return  # by another member while this one slept; what is gone since was taken out on purpose
            repairs.update(short)
            # Where another member adds the rest at this moment, the next count shows it.
            present = {c.partition: frozenset(self._ledger.present(self._stream.name, c)) for c in claims}
            missing = Held(self._read(claims, present))
        raise Stop(f"{claims[0].describe()}: rows are still missing after {_MAX_GENERATIONS} inserts.", claims=claims)

    def _found(self, claims: Sequence[Claim]) -> dict[int, Found]:
        """Rows of each claim by partition. Raises `Stop` where there are more than messages."""
        counts = dict(zip(claims, self._ledger.find(self._stream.name, claims), strict=True))
        for claim, found in counts.items():
            if found.total != found.distinct_offsets or found.total > claim.messages:
                raise Stop(
                    f"{claim.describe()}: {found.total:,} rows stand for {claim.messages:,} messages. Nothing was "
                    "committed. Run `headwater verify` and look at the range before going on.",
                    claim=claim,
                    found=found,
                )
        return {claim.partition: found for claim, found in counts.items()}

    def _close(
        self, claims: Sequence[Claim], found: Mapping[int, Found], repairs: Counter[int], *, fresh: bool, began_s: float
    ) -> None:
        """Record the claims of one work as stored, unless too many of their messages were rejected."""
        closed = []
        for claim in claims:
            rows = found[claim.partition]
            self._guard.check(claim, rows)
            if lost := claim.lost(rows.total):
                log_.error("%s: retention removed %d offsets before they were stored", claim.describe(), lost)
            closed.append(Stored(claim, rows, lost, repairs[claim.partition]))
        self._ledger.mark_stored(closed, doubtful=not fresh)
        insert_s = time.monotonic() - began_s
        for stored in closed:
            with self._lock:
                self.moved.add(stored)
            self._watch.stored(stored, insert_s)


def _one_of_each_work(claims: Iterable[Claim]) -> Iterable[Claim]:
    return {claim.work_id: claim for claim in claims}.values()
