"""Kafka behind the port `Gate`: acknowledgements for an event loop, with bounded memory and a watch on the cluster."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from headwater.adapters.kafka import QUIET
from headwater.errors import Busy, HeadwaterError, Retry
from headwater.ports import Keyed

_CONFIG: Mapping[str, str | int | float | bool] = {
    **QUIET,
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 10,
    "compression.type": "lz4",
    "message.max.bytes": 2_000_000,
    # A request waits no longer than this for its answer.
    "message.timeout.ms": 8_000,
    # Admission keeps far below these, so that librdkafka's own queue is never full.
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 262_144,
    "reconnect.backoff.max.ms": 1_000,
}
_MOST_BYTES = 64 * 1024 * 1024
_POLL_S = 0.003
_SLOW_POLL_S = 0.01
# After so many polls without an end, what is under way takes long anyway.
_QUICK_POLLS = 200
_LOOK_S = 0.5
_LOOK_TIMEOUT_S = 2.0
_CLOSE_S = 10.0


class _Flight:
    """The messages of one call; Kafka's report of each comes here."""

    __slots__ = ("done", "error", "left")

    def __init__(self, count: int) -> None:
        self.left = count
        self.error: KafkaError | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __call__(self, error: KafkaError | None, _message: Message) -> None:
        self.left -= 1
        if error is not None:
            self.error = error
        if self.left <= 0 and not self.done.done():
            self.done.set_result(None)


class KafkaGate:
    """One producer that is polled by the event loop itself, so that no thread competes with it.

    `ensure` makes the topics where they are missing; it is called in a thread.
    """

    def __init__(self, bootstrap: str, topics: Sequence[str], most_messages: int, ensure: Callable[[], object]) -> None:
        self._config = {"bootstrap.servers": bootstrap, **_CONFIG, "error_cb": self._on_error}
        self._topics = frozenset(topics)
        self._most_messages = most_messages
        self._ensure = ensure
        self._producer = Producer(self._config)
        # Producers that met a fatal error; they still tell what became of their messages.
        self._broken: list[Producer] = []
        self._problem = "Kafka was not reached yet"
        self._look = asyncio.Event()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._messages = 0
        self._bytes = 0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def problem(self) -> str:
        """Why nothing can be taken now."""
        return self._problem

    @property
    def waiting(self) -> int:
        """Messages that Kafka has not answered for."""
        return self._messages

    async def open(self) -> None:
        """Begin to look for Kafka and to take its answers."""
        self._look.set()
        self._tasks = [asyncio.create_task(self._keep_polling()), asyncio.create_task(self._keep_looking())]

    async def close(self) -> None:
        """Wait a while for what is under way."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def send(self, messages: Mapping[str, Sequence[Keyed]]) -> None:
        """Produce everything, and wait for Kafka's answers."""
        if self._problem:
            raise Retry(f"{self._problem}. Send the events again.")
        count = sum(len(batch) for batch in messages.values())
        size = sum([len(each["value"]) for batch in messages.values() for each in batch])  # a list is faster here
        if not count:
            return
        # An empty gate takes whatever a request may hold.
        if self._messages and (self._messages + count > self._most_messages or self._bytes + size > _MOST_BYTES):
            raise Busy("Too many events wait for Kafka.")
        flight = _Flight(count)
        self._messages += count
        self._bytes += size
        self._idle.clear()
        try:
            self._produce(messages, flight)
            self._work.set()
            await asyncio.shield(flight.done)
        finally:
            self._messages -= count
            self._bytes -= size
            if not self._messages:
                self._idle.set()
        if flight.error is not None:
            self._refused(flight.error)

    def _produce(self, messages: Mapping[str, Sequence[Keyed]], flight: _Flight) -> None:
        for topic, batch in messages.items():
            copies: list[Any] = list(batch)
            try:
                queued = self._producer.produce_batch(topic, copies, on_delivery=flight)
            except (KafkaException, BufferError) as error:
                queued = 0
                flight.error = flight.error or _kafka_error(error)
            missing = len(batch) - queued
            if missing:
                flight.error = flight.error or KafkaError(KafkaError._QUEUE_FULL)  # noqa: SLF001 - the client's code
                flight.left -= missing
        if flight.left <= 0 and not flight.done.done():
            flight.done.set_result(None)

    def _refused(self, error: KafkaError) -> None:
        self._doubt("Kafka does not answer")
        if error.fatal():
            self._broken.append(self._producer)
            self._producer = Producer(self._config)
        raise Retry(f"Kafka did not keep every event: {error.str()}. Send them again: what was kept counts once.")

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - the client's own codes have no other names
            self._doubt("Kafka does not answer")

    def _doubt(self, problem: str) -> None:
        """Take nothing until Kafka has been looked for."""
        self._problem = problem
        self._look.set()

    async def _keep_polling(self) -> None:
        while True:
            polls = 0
            while self._messages:
                for producer in (self._producer, *self._broken):
                    producer.poll(0)
                polls += 1
                await asyncio.sleep(_POLL_S if polls < _QUICK_POLLS else _SLOW_POLL_S)
            self._broken.clear()
            self._work.clear()
            # Errors of idle connections are told by poll too.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), _LOOK_S)
            self._producer.poll(0)

    async def _keep_looking(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            self._problem = await asyncio.to_thread(self._find_problem)
            if self._problem:
                self._look.set()
                await asyncio.sleep(_LOOK_S)

    def _find_problem(self) -> str:
        try:
            known = self._producer.list_topics(timeout=_LOOK_TIMEOUT_S).topics
            if self._topics - known.keys():
                self._ensure()
                known = self._producer.list_topics(timeout=_LOOK_TIMEOUT_S).topics
        except (KafkaException, HeadwaterError):
            return "Kafka does not answer"
        missing = sorted(self._topics - known.keys())
        return f"Kafka has no topics {', '.join(missing)}" if missing else ""


def _kafka_error(error: KafkaException | BufferError) -> KafkaError:
    cause = error.args[0] if error.args else None
    return cause if isinstance(cause, KafkaError) else KafkaError(KafkaError._QUEUE_FULL)  # noqa: SLF001
