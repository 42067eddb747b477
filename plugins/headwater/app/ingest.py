"""Move a stream from the log into the warehouse, exactly once.

The order is claim, store, count, mark, commit; `storing` holds the first four. Kafka's committed offset is advice
only. While batches are stored, the next ones are read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from headwater.app.room import Room
from headwater.app.storing import Done, Moved, Storer
from headwater.contracts.streams import Stream
from headwater.core.flood import FloodLimit
from headwater.core.ranges import Batch, Held
from headwater.errors import Retry
from headwater.ports import Clock, EventLog, EventReader, FlushLimits, Ledger, Watch

log_ = logging.getLogger(__name__)

_POLL_S = 0.2
# Works that are stored at once, of different partitions; each is held in memory until it is sent.
_AT_ONCE = 2
# A reader that gets nothing for so long looks whether its topic is still the same one.
_QUIET_S = 5.0
# How often a drain that has nothing to store looks whether others have stored the rest.
_ASK_S = 0.5


class Ingest:
    """The engine for one stream: used to drain what is there and to run on."""

    def __init__(
        self,
        stream: Stream,
        log: EventLog,
        ledger: Ledger,
        clock: Clock,
        watch: Watch | None = None,
        flood: FloodLimit | None = None,
        room: Room | None = None,
    ) -> None:
        self._topic = stream.topic
        self._log = log
        self._ledger = ledger
        self._clock = clock
        self._room = room or Room()
        self._storer = Storer(stream, log, ledger, clock, watch, flood)

    def drain(self, limits: FlushLimits, timeout_s: float = 600.0) -> Moved:
        """Store everything that the topic holds now, then return.

        Waits until claims cover the end offsets seen at the start, whoever stores them.
        Raises `Retry` when that takes longer than `timeout_s`.
        """
        until = {p: w.end for p, w in self._log.watermarks(self._topic).items()}
        deadline = self._clock.now().timestamp() + timeout_s
        if not self._behind(until):
            return self._storer.moved
        with self._line(limits) as line:
            while True:
                line.step()
                if line.caught_up and line.has_read(until):
                    line.finish()
                    if self._storer.has_stored(until):
                        return self._storer.moved
                if line.caught_up and line.has_news() and not self._unread(until):
                    line.finish()
                    return self._storer.moved
                if self._clock.now().timestamp() > deadline:
                    raise Retry(
                        f"{self._topic} was not drained within {timeout_s:.0f} s: partitions "
                        f"{sorted(self._behind(until))} are still behind. Nothing is lost; run again.",
                    )

    def run(self, limits: FlushLimits, stop: Callable[[], bool]) -> Moved:
        """Store what comes until `stop()` is true, then store what was collected and return."""
        with self._line(limits) as line:
            while not stop():
                line.step()
            line.finish()
        return self._storer.moved

    @contextmanager
    def _line(self, limits: FlushLimits) -> Iterator[_Line]:
        self._tell_other_epochs()
        with (
            ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="store") as pool,
            self._log.join(self._topic, self._storer.resume) as reader,
        ):
            line = _Line(reader, self._storer, pool, limits, self._room)
            try:
                yield line
            finally:
                line.leave_room()

    def _behind(self, until: dict[int, int]) -> dict[int, int]:
        """Partitions whose stored claims do not reach `until` yet, with the offset they have reached."""
        reached, open_from = self._reached()
        done = {p: open_from.get(p, reached.get(p, 0)) for p in until}
        return {p: done[p] for p, end in until.items() if done[p] < end}

    def _unread(self, until: dict[int, int]) -> list[int]:
        """Partitions behind `until` for which there is something to do.

        That is a claim to be finished, also where its messages are gone, or messages: the last offsets may be markers
        of transactions.
        """
        reached, open_from = self._reached()
        has = self._log.has_messages
        return [
            p
            for p, end in until.items()
            if open_from.get(p, end) < end or (reached.get(p, 0) < end and has(self._topic, p, reached.get(p, 0), end))
        ]

    def _reached(self) -> tuple[dict[int, int], dict[int, int]]:
        """By partition: the offset after its last claim, and where its first claim begins that is not stored."""
        epoch = self._storer.epoch
        reached = {c.partition: c.to_offset for c in self._ledger.claims(self._topic, epoch)}
        open_from: dict[int, int] = {}
        for claim in self._ledger.open_claims(self._topic, epoch):
            open_from.setdefault(claim.partition, claim.from_offset)
        return reached, open_from

    def _tell_other_epochs(self) -> None:
        """Say once that this is another topic of the same name, and up to where the earlier one was claimed."""
        epoch = self._storer.epoch
        if self._ledger.claims(self._topic, epoch):
            return
        for other, reached in self._ledger.other_epochs(self._topic, epoch).items():
            log_.error(
                "%s was deleted and made again: the topic with id %s was claimed up to the offsets %s; what it held "
                "after them is gone with it. Offsets start over under the id %s.",
                self._topic, other, dict(sorted(reached.items())), epoch,
            )  # fmt: skip


class _Line:
    """Reads in this thread and stores in others: of one partition one batch after the other."""

    def __init__(
        self, reader: EventReader, storer: Storer, pool: ThreadPoolExecutor, limits: FlushLimits, room: Room
    ) -> None:
        self._reader = reader
        self._storer = storer
        self._pool = pool
        self._limits = limits
        self._room = room
        self._has_place = False
        self._is_behind = False
        # Each with its partitions, the oldest first.
        self._storing: list[tuple[set[int], Future[list[Done]]]] = []
        self._quiet_since_s = self._asked_s = time.monotonic()
        self._has_stored = False

    @property
    def caught_up(self) -> bool:
        """Whether the last step found little to read."""
        return self._reader.caught_up

    def has_read(self, until: Mapping[int, int]) -> bool:
        """Whether of the partitions at hand everything before these offsets was read."""
        return self._reader.has_read(until)

    def has_news(self) -> bool:
        """Whether the books may tell more than at the last call: something was stored here, or others had the time."""
        now_s = time.monotonic()
        if not self._has_stored and now_s - self._asked_s < _ASK_S:
            return False
        self._has_stored, self._asked_s = False, now_s
        return True

    def step(self) -> None:
        """Read for a moment and hand on what is ready; waits first while enough is being stored."""
        for each in [each for each in self._storing if each[1].done()]:
            self._settle(each)
        while len(self._storing) >= _AT_ONCE:
            self._settle(self._storing[0])
        if self._is_behind and not self._has_place:  # a whole batch comes to be held
            self._has_place = self._room.take()
        self._store(self._reader.poll(self._limits, _POLL_S))
        self._is_behind = not self._reader.caught_up
        if not self._is_behind:
            self.leave_room()
        self._look_when_quiet()

    def leave_room(self) -> None:
        """Give back the place of what is being read."""
        if self._has_place:
            self._has_place = False
            self._room.give_back()

    def finish(self) -> None:
        """Store everything that was read."""
        for batches in self._reader.flush(self._limits):
            self._store(batches)
        while self._storing:
            self._settle(self._storing[0])

    def _store(self, batches: Sequence[Batch]) -> None:
        if not batches:
            return
        held = Held(batches)
        partitions = {batch.partition for batch in batches}
        for each in [each for each in self._storing if each[0] & partitions]:
            self._settle(each)
        work = self._store_in_place if self._has_place else self._storer.store
        self._storing.append((partitions, self._pool.submit(work, held)))
        self._has_place = False

    def _store_in_place(self, held: Held) -> list[Done]:
        try:
            return self._storer.store(held)
        finally:
            self._room.give_back()

    def _look_when_quiet(self) -> None:
        """A client may wait for ever, without a word, for messages of a topic that was deleted and made again."""
        now_s = time.monotonic()
        if self._storing:
            self._quiet_since_s = now_s
        elif now_s - self._quiet_since_s >= _QUIET_S:
            self._storer.notice_new_epoch()
            self._quiet_since_s = time.monotonic()

    def _settle(self, storing: tuple[set[int], Future[list[Done]]]) -> None:
        """Wait for what is being stored; then commit, and lead the reader back where it went astray."""
        self._storing.remove(storing)
        done = storing[1].result()
        self._has_stored = True
        for each in done:
            if each.astray:
                self._reader.seek(each.partition, each.to_offset)
        self._reader.commit({each.partition: each.to_offset for each in done})
