"""Kafka behind the port `Gate`: acknowledgements for an event loop, with bounded memory and a watch on the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from headwater.adapters.kafka import QUIET
from headwater.errors import Busy, HeadwaterError, Retry
from headwater.ports import Keyed

log_ = logging.getLogger(__name__)

_CONFIG: Mapping[str, str | int | float | bool] = {
    **QUIET,
    "acks": "all",
    "enable.idempotence": True,
    # Success is seen by the producer being empty; a report of each message would cost as much as sending it.
    "delivery.report.only.error": True,
    # A group goes out within this time, and so in few pieces.
    "linger.ms": 3,
    "compression.type": "lz4",
    "message.max.bytes": 2_000_000,
    # A group waits no longer than this for its answer.
    "message.timeout.ms": 8_000,
    # Admission keeps far below these, so that librdkafka's own queue is never full.
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 262_144,
    "reconnect.backoff.max.ms": 1_000,
}
_MOST_BYTES = 64 * 1024 * 1024
_POLL_S = 0.002
_SLOW_POLL_S = 0.01
# After so many polls without an end, what is under way takes long anyway.
_QUICK_POLLS = 300
_LOOK_S = 0.5
_LOOK_TIMEOUT_S = 2.0
_CLOSE_S = 10.0
_ANY_PARTITION = -1


class _Flight:
    """The messages of one call; Kafka's report of each that failed comes here."""

    __slots__ = ("count", "done", "error", "messages", "size")

    def __init__(self, messages: Mapping[str, Keyed]) -> None:
        self.messages = messages
        self.count = sum([len(batch.values) for batch in messages.values()])
        self.size = sum([sum(map(len, batch.values)) for batch in messages.values()])
        self.error: KafkaError | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __call__(self, error: KafkaError | None, _message: Message) -> None:
        self.error = error

    def end(self, problem: str = "") -> None:
        """Answer the call."""
        if self.done.done():
            return
        if problem:
            self.done.set_exception(Retry(problem))
        else:
            self.done.set_result(None)


class KafkaGate:
    """One producer, fed and polled by the event loop itself, so that no thread competes with it.

    Calls go out in groups: all that came while a group was under way are the next one. A group is answered when the
    producer holds none of its messages any more: all of them were acknowledged then, but those that were reported.
    `ensure` makes the topics where they are missing; it is called in a thread.
    """

    def __init__(self, bootstrap: str, topics: Sequence[str], most_messages: int, ensure: Callable[[], object]) -> None:
        self._config = {"bootstrap.servers": bootstrap, **_CONFIG, "error_cb": self._on_error}
        self._topics = frozenset(topics)
        self._most_messages = most_messages
        self._ensure = ensure
        self._producer = Producer(self._config)
        # Whether the producer met a fatal error, after which it takes nothing more.
        self._spent = False
        self._problem = "Kafka was not reached yet"
        self._look = asyncio.Event()
        # Whether `problem` is what the last look found, rather than a doubt.
        self._looked = asyncio.Event()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._next: list[_Flight] = []
        self._messages = 0
        self._bytes = 0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def problem(self) -> str:
        """Why nothing can be taken now."""
        return self._problem

    @property
    def waiting(self) -> int:
        """Messages whose calls wait for Kafka."""
        return self._messages

    async def open(self) -> None:
        """Begin to look for Kafka and to take its answers."""
        self._look.set()
        self._tasks = [asyncio.create_task(self._keep_sending()), asyncio.create_task(self._keep_looking())]

    async def close(self) -> None:
        """Wait a while for what is under way."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def send(self, messages: Mapping[str, Keyed]) -> None:
        """Produce everything, and wait for Kafka's answers."""
        if self._problem:
            raise Retry(f"{self._problem}. Send the events again.")
        flight = _Flight(messages)
        if not flight.count:
            return
        # An empty gate takes whatever a request may hold.
        if self._messages and (
            self._messages + flight.count > self._most_messages or self._bytes + flight.size > _MOST_BYTES
        ):
            raise Busy("Too many events wait for Kafka.")
        self._messages += flight.count
        self._bytes += flight.size
        self._next.append(flight)
        self._idle.clear()
        self._work.set()
        # What was taken is sent, whether or not anybody still waits for it.
        await asyncio.shield(flight.done)

    async def _keep_sending(self) -> None:
        while True:
            if not self._next:
                self._work.clear()
                # Errors of idle connections are told by poll too.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._work.wait(), _LOOK_S)
            self._producer.poll(0)
            if self._spent:
                self._producer, self._spent = Producer(self._config), False
            if self._next:
                group, self._next = self._next, []
                await self._send_group(group)

    async def _send_group(self, group: Sequence[_Flight]) -> None:
        problem = "The collector could not send them, see its log. Send the events again: what was kept counts once."
        try:
            problem = await self._outcome(group)
        except Exception:
            log_.exception("a group of %d calls was not sent", len(group))
        for flight in group:
            self._messages -= flight.count
            self._bytes -= flight.size
            flight.end(problem or self._refusal(flight))
        if not self._messages:
            self._idle.set()

    async def _outcome(self, group: Sequence[_Flight]) -> str:
        """Send the group and wait for its end; returns what keeps all of it from being sent, or nothing."""
        # Kafka may have gone while they waited; then nothing is queued.
        if self._problem:
            await self._looked.wait()
        if self._problem:
            return f"{self._problem}. Send the events again."
        for flight in group:
            self._produce(flight)
        await self._drain()
        return ""

    def _produce(self, flight: _Flight) -> None:
        produce = self._producer.produce
        try:
            for topic, batch in flight.messages.items():
                for key, value in zip(batch.keys, batch.values, strict=True):
                    produce(topic, value, key, _ANY_PARTITION, flight)
        except KafkaException as error:
            flight.error = error.args[0]
        except BufferError:
            flight.error = KafkaError(KafkaError._QUEUE_FULL)  # noqa: SLF001 - the client's own codes have no other names

    async def _drain(self) -> None:
        """Poll until every message of the producer was acknowledged or reported.

        A message counts in its length until poll has served its report.
        """
        producer, polls = self._producer, 0
        while len(producer):
            await asyncio.sleep(_POLL_S if polls < _QUICK_POLLS else _SLOW_POLL_S)
            producer.poll(0)
            polls += 1

    def _refusal(self, flight: _Flight) -> str:
        error = flight.error
        if error is None:
            return ""
        self._note_fatal(error)
        self._doubt("Kafka does not answer")
        return f"Kafka did not keep every event: {error.str()}. Send them again: what was kept counts once."

    def _on_error(self, error: KafkaError) -> None:
        self._note_fatal(error)
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._doubt("Kafka does not answer")

    def _note_fatal(self, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001
            self._spent = True

    def _doubt(self, problem: str) -> None:
        """Take nothing until Kafka has been looked for."""
        self._problem = problem
        self._looked.clear()
        self._look.set()

    async def _keep_looking(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            problem = await asyncio.to_thread(self._find_problem)
            # A doubt that came meanwhile asks for another look.
            if not self._look.is_set():
                self._problem = problem
                self._looked.set()
            if problem:
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
