"""Count clicks in windows of time, each click once: `clicks` → tumbling windows → `aggregation_clicks`.

Counts and the place up to which clicks were read are kept in one transaction of Kafka, so that a crash at any point
leaves neither a click that was not counted nor one that was counted twice. What breaks the contract or comes after its
window was closed is kept aside in `ops.rejects`, before that transaction and once for each message.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from pydantic_core import to_json

from headwater.contracts.streams import AGGREGATION_CLICKS, CLICKS
from headwater.core.ranges import Message
from headwater.core.verdict import Accepted, Rejected, judge
from headwater.core.windows import LatePolicy, Mark, Pane, Panes, Tumbling
from headwater.errors import Retry
from headwater.ports import Database, EventLog, Ledger, Reject, Relay

log_ = logging.getLogger(__name__)

NAME = "headwater-windows"
LATE = "late"
_POLL_S = 0.2
# A member that gets no partition for so long leaves them to the others.
_JOIN_S = 5.0
# Counts that are kept in memory; then they leave.
_MANY = 50_000


@dataclass(slots=True)
class Windowed:
    """What one run did: clicks by outcome, and the messages it made of them."""

    counted: int = 0
    late: int = 0
    rejected: int = 0
    panes: int = 0

    @property
    def clicks(self) -> int:
        """Messages that were looked at."""
        return self.counted + self.late + self.rejected


class Windows:
    """The counting of clicks: used to count what is there and to run on."""

    def __init__(self, log: EventLog, ledger: Ledger, windows: Tumbling, emit_every_s: float = 10.0) -> None:
        self._log = log
        self._ledger = ledger
        self._windows = windows
        self._emit_every_s = emit_every_s

    def drain(self, timeout_s: float = 300.0) -> Windowed:
        """Count every click that the topic holds now, then return; the counts of open windows leave too.

        Raises `Retry` when that takes longer than `timeout_s`.
        """
        until = {p: mark.end for p, mark in self._log.watermarks(CLICKS.topic).items()}
        deadline_s = time.monotonic() + timeout_s
        with self._run() as run:
            run.join(_JOIN_S)
            while self._behind(until):
                if not run.step() or run.is_full:
                    run.emit()
                if time.monotonic() > deadline_s:
                    raise Retry(f"{CLICKS.topic} was not counted within {timeout_s:.0f} s. Nothing is lost; run again.")
            return run.done

    def run(self, stop: Callable[[], bool], tell: Callable[[Windowed], None] = lambda _done: None) -> Windowed:
        """Count what comes until `stop()` is true, then keep what was counted and return."""
        with self._run() as run:
            emitted_s = time.monotonic()
            while not stop():
                run.step()
                if run.is_full or time.monotonic() - emitted_s >= self._emit_every_s:
                    run.emit()
                    emitted_s = time.monotonic()
                    tell(run.done)
            run.emit()
            return run.done

    def _behind(self, until: dict[int, int]) -> bool:
        reached = self._log.relayed_to(NAME, CLICKS.topic)
        has = self._log.has_messages
        short = {p: reached.get(p, 0) for p, end in until.items() if reached.get(p, 0) < end}
        return any(has(CLICKS.topic, p, at, until[p]) for p, at in short.items())

    @contextmanager
    def _run(self) -> Iterator[_Run]:
        counting: dict[int, Panes] = {}

        def began(partition: int, mark: Mark) -> None:
            counting[partition] = Panes(self._windows, mark)

        def ended(partition: int) -> None:
            counting.pop(partition, None)

        with self._log.relay(NAME, CLICKS.topic, began, ended) as relay:
            yield _Run(relay, self._ledger, self._windows, counting, self._log.epoch(CLICKS.topic))


class _Run:
    """Counts of the partitions that this member has; `counting` changes when partitions come and go."""

    def __init__(
        self, relay: Relay, ledger: Ledger, windows: Tumbling, counting: dict[int, Panes], epoch: UUID
    ) -> None:
        self.relay = relay
        self.done = Windowed()
        self._ledger = ledger
        self._windows = windows
        self._counting = counting
        self._origin = origin_of(epoch)

    @property
    def is_full(self) -> bool:
        """Whether so many counts are held that they should leave."""
        return sum(map(len, self._counting.values())) >= _MANY

    def join(self, patience_s: float) -> None:
        """Wait for partitions: being given one ends what a dead member left open, which would else be waited for."""
        deadline_s = time.monotonic() + patience_s
        while not self._counting and time.monotonic() < deadline_s:
            self.step()

    def step(self) -> int:
        """Read for a moment and count; returns how many messages there were."""
        received = self.relay.poll(_POLL_S)
        aside: list[Reject] = []
        for partition, message in received:
            panes = self._counting.get(partition)
            if panes is not None:
                self._count(partition, message, panes, aside)
        if aside:
            self._ledger.reject(CLICKS.name, aside)
        return len(received)

    def emit(self) -> None:
        """Keep what was counted since the last time, and how far."""
        for partition, panes in list(self._counting.items()):
            if panes.has_moved:
                messages = [_message(pane) for pane in panes.panes()]
                self.relay.commit(partition, panes.mark, AGGREGATION_CLICKS.topic, messages, self._origin)
                self.done.panes += len(messages)
                self._counting[partition] = Panes(self._windows, panes.mark)

    def _count(self, partition: int, message: Message, panes: Panes, aside: list[Reject]) -> None:
        kafka_time = datetime.fromtimestamp(message.kafka_time_ms / 1000, UTC)
        verdict = judge(CLICKS, message.raw, kafka_time)
        origin, line = f"{self._origin}/{partition}", message.offset
        if isinstance(verdict, Rejected):
            self.done.rejected += 1
            detail = f"{verdict.field}: {verdict.detail}" if verdict.field else verdict.detail
            aside.append(Reject(message.raw, verdict.reason.value, detail, origin, line))
        elif isinstance(verdict, Accepted):
            row = verdict.row
            if panes.add(row["product_id"], row["clicked_at"], kafka_time):
                self.done.counted += 1
            else:
                self.done.late += 1
                seen = datetime.fromtimestamp(panes.mark.watermark_s, UTC)
                detail = f"its window was closed when clicks of {seen:%Y-%m-%d %H:%M:%S} had come"
                aside.append(Reject(message.raw, LATE, detail, origin, line))
        panes.reach(message.offset + 1)


def _message(pane: Pane) -> tuple[bytes, bytes]:
    body = {"product_id": pane.product_id, "count": pane.count, "timestamp": pane.start}
    return str(pane.product_id).encode(), to_json(body)


@dataclass(frozen=True, slots=True)
class ClickAccounts:
    """Clicks up to the committed offsets before and after the tables were read, and what the tables hold of them."""

    before: int
    counted: int
    aside: int
    after: int

    @property
    def balance(self) -> bool:
        """Whether every click up to a committed offset is in the tables, and no other one."""
        return self.before <= self.counted + self.aside <= self.after


def click_accounts(log: EventLog, database: Database) -> ClickAccounts:
    """Hold the books of the clicks against the topic; what was counted must have been stored before."""
    origin = origin_of(log.epoch(CLICKS.topic))
    before = sum(log.relayed_to(NAME, CLICKS.topic).values())
    row = database.rows("clicks/accounts", origin=origin)[0]
    after = sum(log.relayed_to(NAME, CLICKS.topic).values())
    return ClickAccounts(before, int(row["counted"]), int(row["aside"]), after)


def origin_of(epoch: UUID) -> str:
    """What the messages with counts name as their origin: the topic of the clicks, as it was made at one time."""
    return f"{CLICKS.topic}/{epoch}"


def settings_text(windows: Tumbling) -> str:
    """The settings of windows for people."""
    late = "kept aside" if windows.late is LatePolicy.ASIDE else "counted"
    return f"windows of {windows.size_s} s, {windows.grace_s} s of grace, later clicks are {late}"
