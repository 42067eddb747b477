"""One topic, one group, and the oracle of what was sent: the frame of every scenario."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.app.reconcile import PartitionBooks, reconcile
from headwater.errors import FixSettings, Retry
from tests.chaos.members import Crew
from tests.chaos.messages import browser_messages
from tests.chaos.tears import FragileFront
from tests.chaos.truth import (
    BROWSER,
    Held,
    Truth,
    assert_held,
    assert_rows_carry_their_claim,
    read_held,
    unexpectedly_missing,
)
from tests.support.kafka import Broker

PARTITIONS = 3
_DEADLINE_S = 60.0
_QUIET: dict[str, str | int | float | bool] = {"log_level": 0}


@dataclass
class Field:
    """The parts that scenarios hurt: one broker and one front, started once."""

    folder: Path
    broker: Broker
    front: FragileFront

    @property
    def clickhouse_url(self) -> str:
        """The front with the rights of the platform's jobs."""
        return self.front.front.writer_url

    def restart_front(self) -> None:
        """Start the front again on its data."""
        self.front.disarm()
        self.front.front.restart()

    def kill_front(self) -> None:
        """Kill the front and start it again."""
        self.front.front.kill()
        self.restart_front()

    def revive(self) -> None:
        """Start again what a failed test left dead, and take back orders to die."""
        self.front.disarm()
        if not self.front.is_alive:
            self.restart_front()
        if not self.broker.is_alive:
            self.broker.restart()

    def kill_broker(self) -> None:
        """Kill the broker and start it again."""
        self.broker.kill()
        self.broker.restart()


@dataclass
class Scenario:
    """A fresh topic, fed with seeded messages, and the members that store it."""

    place: Field
    crew: Crew
    random: Random
    truth: Truth = field(repr=False)
    _producer: Producer = field(repr=False)
    _feeds: Random = field(repr=False)
    past: list[Truth] = field(default_factory=list, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @classmethod
    def open(cls, place: Field, name: str, seed: int, clickhouse_url: str | None = None) -> Scenario:
        """Make the topic anew; `clickhouse_url` is the members' way to ClickHouse, where it is not the straight one."""
        truth = _fresh_topic(place.broker.bootstrap)
        group = f"chaos-{name}-{uuid4().hex[:6]}"
        crew = Crew(place.folder, place.broker.bootstrap, clickhouse_url or place.clickhouse_url, group)
        producer = _producer(place.broker.bootstrap)
        return cls(place, crew, Random(seed), truth, producer, Random(seed + 1))

    @property
    def group(self) -> str:
        """The group that the members join for the topic."""
        return f"{self.crew.group}.{self.truth.topic}"

    @property
    def log(self) -> KafkaLog:
        """The test's own way to the topic."""
        return KafkaLog(self.place.broker.bootstrap)

    @contextmanager
    def database(self) -> Iterator[ClickHouse]:
        """The test's own way to the tables, past every proxy."""
        opened = ClickHouse(self.place.clickhouse_url)
        try:
            yield opened
        finally:
            opened.close()

    def feed(self, count: int) -> None:
        """Put messages into random partitions and wait until Kafka has them."""
        with self._lock:
            for raw in browser_messages(self._feeds, count):
                self._producer.produce(
                    self.truth.topic, raw, partition=self._feeds.randrange(PARTITIONS), on_delivery=self._note
                )
            waiting = self._producer.flush(_DEADLINE_S)
        assert waiting == 0, f"{waiting} messages were not taken by Kafka"

    @contextmanager
    def unfed(self) -> Iterator[None]:
        """Hold the feed in the background while this lasts."""
        with self._lock:
            yield

    @contextmanager
    def feeding(self, at_once: int = 40, pause_s: float = 0.05) -> Iterator[None]:
        """Feed small lots in the background."""
        stop = threading.Event()
        failures: list[AssertionError] = []

        def work() -> None:
            try:
                while not stop.wait(pause_s):
                    self.feed(at_once)
            except AssertionError as error:
                failures.append(error)

        thread = threading.Thread(target=work, name="feed")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        if failures:
            raise failures[0]

    def recreate_topic(self) -> None:
        """Delete the topic and make it again: offsets start over, and the oracle with them."""
        with self._lock:
            self.past.append(self.truth)
            self.truth = _fresh_topic(self.place.broker.bootstrap)
            self._producer = _producer(self.place.broker.bootstrap)

    def kill_broker(self) -> None:
        """Kill the broker and start it again; what is sent meanwhile arrives once."""
        with self._lock:
            self._producer = _producer(self.place.broker.bootstrap, once=True)
        self.place.kill_broker()

    def remove_before(self, partition: int, offset: int) -> None:
        """Let Kafka forget the messages before `offset`, as retention does."""
        place = TopicPartition(self.truth.topic, partition, offset)
        admin = AdminClient({"bootstrap.servers": self.place.broker.bootstrap, **_QUIET})
        admin.delete_records([place])[place].result(30)

    def forget_group(self) -> None:
        """Delete the group with its committed offsets, once its dead members have left it."""
        admin = AdminClient({"bootstrap.servers": self.place.broker.bootstrap, **_QUIET})
        deadline = time.monotonic() + _DEADLINE_S
        while True:
            try:
                admin.delete_consumer_groups([self.group])[self.group].result(30)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.NON_EMPTY_GROUP or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def committed(self) -> dict[int, int]:
        """What the group has committed; 0 where nothing is."""
        consumer = Consumer({"bootstrap.servers": self.place.broker.bootstrap, "group.id": self.group, **_QUIET})
        try:
            found = consumer.committed([TopicPartition(self.truth.topic, p) for p in range(PARTITIONS)], timeout=30)
        finally:
            consumer.close()
        return {place.partition: max(0, place.offset) for place in found}

    def assert_committed_is_held(self) -> None:
        """I3: before the committed offset, everything that was not lost stands in the tables."""
        committed = self.committed()  # first: rows only grow
        with self.database() as db:
            held = read_held(db, self.truth)
        there = set(held.places)
        for partition, offset in committed.items():
            ahead = [
                o
                for o in self.truth.messages[partition]
                if o < offset and (partition, o) not in there and o not in self.truth.may_be_lost[partition]
            ]
            assert not ahead, f"Kafka's group is at {offset} of [{partition}], {len(ahead)} rows are missing before it"

    def wait_stored(self, members: int = 0, timeout_s: float = _DEADLINE_S) -> None:
        """Wait until everything stands in the tables, keeping `members` alive meanwhile; for a feed that rests."""
        deadline = time.monotonic() + timeout_s
        while True:
            self.crew.replace_ended(members)
            with self.database() as db:
                missing = len(unexpectedly_missing(self.truth, read_held(db, self.truth)))
            if not missing:
                return
            if time.monotonic() > deadline:
                said = "\n".join(member.where() for member in self.crew.alive())
                raise AssertionError(f"{missing} messages were not stored in {timeout_s:.0f} s\n{said}")
            time.sleep(0.1)

    def finish(self) -> Held:
        """Stop the members, drain what is left, and prove that everything is right."""
        self.crew.stop_all()
        self.crew.drain()
        return self.check()

    def check(self) -> Held:
        """The tables equal the oracle, the books add up, and Kafka's offset is not ahead."""
        with self.database() as db:
            held = read_held(db, self.truth)
            assert_held(self.truth, held)
            assert_rows_carry_their_claim(db, self.truth)
            books = self.reconcile()
            assert {b.partition: b.end for b in books} == self.truth.ends()
            assert all(b.lag == 0 for b in books)
            assert not ClickHouseLedger(db).open_claims(self.truth.topic, self.truth.epoch)
            for truth in self.past:
                assert_held(truth, read_held(db, truth), whole=False)
        self.assert_committed_is_held()
        return held

    def reconcile(self) -> Sequence[PartitionBooks]:
        """The product's own proof. Raises `Stop` when it does not hold."""
        with self.database() as db:
            return reconcile(BROWSER, self.log, db, SystemClock())

    def _note(self, error: KafkaError | None, message: Message) -> None:
        assert error is None, f"Kafka refused a message: {error}"
        partition, offset, value = message.partition(), message.offset(), message.value()
        assert partition is not None
        assert offset is not None
        self.truth.messages[partition][offset] = value or b""


def _producer(bootstrap: str, *, once: bool = False) -> Producer:
    """A producer that never sends twice: with `once` by numbering its messages, which takes a second to begin, else
    by giving up after the first failure."""
    how: dict[str, str | int | float | bool] = {"enable.idempotence": True} if once else {"acks": "all", "retries": 0}
    return Producer({"bootstrap.servers": bootstrap, "linger.ms": 2, **how, **_QUIET})


def _fresh_topic(bootstrap: str) -> Truth:
    """Delete the topic where there is one, and make it anew."""
    admin = AdminClient({"bootstrap.servers": bootstrap, **_QUIET})
    _tolerating(
        KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: admin.delete_topics([BROWSER.topic])[BROWSER.topic].result(30)
    )
    new = NewTopic(BROWSER.topic, PARTITIONS, 1, config={"message.timestamp.type": "LogAppendTime"})
    deadline = time.monotonic() + _DEADLINE_S
    while not _tolerating(
        KafkaError.TOPIC_ALREADY_EXISTS, lambda: admin.create_topics([new])[BROWSER.topic].result(30)
    ):
        assert time.monotonic() < deadline, "the old topic does not go away"
        time.sleep(0.05)
    while not _is_known(log := KafkaLog(bootstrap)):
        assert time.monotonic() < deadline, "the new topic does not become known"
        time.sleep(0.05)
    return Truth(BROWSER.topic, log.epoch(BROWSER.topic), {p: {} for p in range(PARTITIONS)})


def _is_known(log: KafkaLog) -> bool:
    """Whether the broker serves the topic with all its partitions; it does so soon after it was made."""
    try:
        return len(log.watermarks(BROWSER.topic)) == PARTITIONS and log.epoch(BROWSER.topic).int > 0
    except (FixSettings, Retry):
        return False


def _tolerating(code: int, call: object) -> bool:
    """Whether the call went through; false when it failed with this code."""
    try:
        call()  # type: ignore[operator]
    except KafkaException as error:
        if error.args[0].code() != code:
            raise
        return False
    return True
