"""Members that take turns at random, die, and think that they own what others own: every message is stored once.

Each call of a ledger is a step of its own, as a statement is in ClickHouse; who takes the next step is drawn. So every
order in which members may race comes up, those too that processes hardly ever show.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, cast
from uuid import UUID

import pytest

from headwater.adapters.memory import Books, FixedClock, MemoryLedger, MemoryLog
from headwater.app.storing import Storer
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.ranges import Batch, Claim, Held, Message, Source, Stored
from headwater.ports import Ledger
from tests.support.events import browser

BROWSER = STREAMS["browser"]
TOPICS = Path(__file__).resolve().parents[3] / "kafka" / "topics.yaml"
PARTITIONS = 3
SCHEDULES = 60
Place = tuple[int, int]


class Died(BaseException):
    """A member was killed: nothing that it would have done may happen."""


class Turns:
    """Lets one thread go on at a time, chosen by `random`; some die where they stand."""

    def __init__(self, random: Random, deaths: float) -> None:
        self._random = random
        self._deaths = deaths
        self._gates: dict[int, threading.Semaphore] = {}
        self._numbers = threading.local()
        self._arrived = threading.Semaphore(0)
        self._dying: set[int] = set()

    def step(self) -> None:
        """Wait for the turn, in the thread of a member."""
        me: int = self._numbers.mine
        self._arrived.release()
        self._gates[me].acquire()
        if me in self._dying:
            raise Died

    def run(self, members: Sequence[Callable[[], None]]) -> None:
        """Run all members to their ends."""
        failures: list[BaseException] = []

        def work(number: int, member: Callable[[], None]) -> None:
            self._numbers.mine = number
            self._arrived.release()
            self._gates[number].acquire()
            try:
                member()
            except Died:
                pass
            except BaseException as error:  # noqa: BLE001 - told by the test
                failures.append(error)
            finally:
                del self._gates[number]
                self._arrived.release()

        self._gates = {number: threading.Semaphore(0) for number in range(len(members))}
        threads = [threading.Thread(target=work, args=each, daemon=True) for each in enumerate(members)]
        for thread in threads:
            thread.start()
            self._arrived.acquire()
        while self._gates:
            chosen = self._random.choice(sorted(self._gates))
            if self._random.random() < self._deaths:
                self._dying.add(chosen)
            self._gates[chosen].release()
            self._arrived.acquire()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]


@dataclass
class Tables(Books):
    """The books, with how often each message was kept and each claim closed."""

    kept: Counter[Place] = field(default_factory=Counter)
    closed: Counter[UUID] = field(default_factory=Counter)


class Torn(MemoryLedger):
    """Keeps tokens and loses, now and then, what they are of, as a crash of the engine does."""

    def __init__(self, books: Tables, random: Random, tears: float) -> None:
        super().__init__(books)
        self.tables = books
        self._random = random
        self._tears = tears

    def _tears_now(self) -> bool:
        return self._random.random() < self._tears

    def propose(self, claim: Claim) -> None:
        if claim.claim_token not in self.books.tokens and self._tears_now():
            self.books.tokens.add(claim.claim_token)
        super().propose(claim)

    def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
        batches = read()
        if self._tears_now():
            lost = self._random.choice([0, 1, 2])
            batches = [b.without(b.offsets.to_pylist()[lost:]) for b in batches]
        super().store(stream, claims, lambda: batches, generation)

    def mark_stored(self, stored: Sequence[Stored], *, doubtful: bool) -> None:
        """One insert under the token of the work, repeated under another one where it is doubted and not found."""
        token = f"stored:{stored[0].claim.work_id}"
        while True:
            if token not in self.books.tokens:
                self.books.tokens.add(token)
                self.tables.closed.update(each.claim.claim_id for each in stored)
                super().mark_stored(stored, doubtful=doubtful)
            if not doubtful or self.is_stored([each.claim for each in stored]):
                return
            token += "+"

    def _keep(self, stream: str, batch: Batch, message: Message) -> None:
        self.tables.kept[batch.partition, message.offset] += 1
        super()._keep(stream, batch, message)


class Stepped:
    """A ledger whose every call waits for its turn."""

    def __init__(self, ledger: Ledger, turns: Turns) -> None:
        self._ledger = ledger
        self._turns = turns

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._turns.step()
            return method(*args, **kwargs)

        return call


def _log(random: Random) -> MemoryLog:
    log = MemoryLog(FixedClock())
    for topic in load_topics(TOPICS):
        log.ensure(topic)
    for number in range(60):
        good = browser(f"e{number}", at="2026-01-01 00:00:00")
        log.send(BROWSER.topic, bytes([random.randrange(PARTITIONS)]), good if random.random() < 0.8 else b"bad")
    return log


def _member(log: MemoryLog, ledger: Ledger, tables: Tables, random: Random) -> Callable[[], None]:
    """Takes partitions as they come, whoever else has them, and stores what it reads there."""

    def live() -> None:
        storer = Storer(BROWSER, log, ledger, FixedClock())
        at: dict[int, int] = {}
        for _ in range(8):
            mine = random.sample(range(PARTITIONS), random.randint(1, PARTITIONS))
            kept = {p: at[p] for p in mine if p in at and random.random() < 0.7}
            at = kept | storer.resume([p for p in mine if p not in kept])
            _store(storer, log, at, random)
            # What Kafka would be told to be done is closed.
            still_open = MemoryLedger(tables).open_claims(BROWSER.topic, storer.epoch)
            assert not [c.describe() for c in still_open if c.from_offset < at.get(c.partition, 0)]

    return live


def _store(storer: Storer, log: MemoryLog, at: dict[int, int], random: Random) -> None:
    marks = log.watermarks(BROWSER.topic)
    ends = {p: min(marks[p].end, begin + random.randint(1, 8)) for p, begin in at.items()}
    held = Held(log.read_range(BROWSER.topic, p, at[p], ends[p]) for p in sorted(at) if ends[p] > at[p])
    if held.rows:
        at |= {done.partition: done.to_offset for done in storer.store(held)}


@contextmanager
def _told(seed: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise


@pytest.mark.parametrize(("deaths", "tears"), [(0.0, 0.0), (0.02, 0.0), (0.02, 0.1)])
def test_whatever_members_do_every_message_is_stored_once(deaths: float, tears: float) -> None:
    together = 0
    for seed in range(SCHEDULES):
        with _told(seed):
            tables = _play(Random(seed), deaths, tears)
            together += sum(len(claim.together) > 1 for claim in tables.claims)
    assert together > SCHEDULES


def _play(random: Random, deaths: float, tears: float) -> Tables:
    """Three members race; then one alone stores the rest. Raises `AssertionError` when anything is wrong."""
    log, tables, turns = _log(random), Tables(), Turns(random, deaths)
    shared = Torn(tables, random, tears)
    stepped = cast("Ledger", Stepped(shared, turns))
    turns.run([_member(log, stepped, tables, Random(random.random())) for _ in range(3)])
    storer, marks = Storer(BROWSER, log, shared, FixedClock()), log.watermarks(BROWSER.topic)
    at = storer.resume(range(PARTITIONS))
    while any(at[p] < mark.end for p, mark in marks.items()):
        _store(storer, log, at, random)
    _assert_once(log, tables)
    return tables


def _assert_once(log: MemoryLog, tables: Tables) -> None:
    epoch = log.epoch(BROWSER.topic)
    expected = Counter((p, o) for p, mark in log.watermarks(BROWSER.topic).items() for o in range(mark.end))
    assert tables.kept == expected
    ledger = MemoryLedger(tables)
    assert not ledger.open_claims(BROWSER.topic, epoch)
    standing = {(c.partition, c.from_offset): c for c in sorted(tables.claims, key=lambda c: -c.generation)}
    covered = Counter((p, o) for (p, _), c in standing.items() for o in range(c.from_offset, c.to_offset))
    assert covered == expected
    assert tables.closed == Counter(claim.claim_id for claim in standing.values())
    for stored in tables.stored.values():
        assert stored.found.total == stored.claim.messages == stored.claim.to_offset - stored.claim.from_offset
        assert stored.lost == 0
