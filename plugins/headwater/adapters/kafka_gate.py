"""Kafka behind the port `Gate`: acknowledgements for an event loop, with bounded memory and a watch on the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
    # A group is queued at once; the messages of one partition go out together.
    "linger.ms": 0.5,
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
_LANES = 2
# What comes within this time of a first call goes out with it.
_GATHER_S = 0.003
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


class _Lane:
    """A producer that carries one group at a time."""

    def __init__(self, config: Mapping[str, Any], on_error: Callable[[KafkaError], None]) -> None:
        self._config = {**config, "error_cb": self._on_error}
        self._report = on_error
        self.producer = Producer(self._config)
        # Whether the producer met a fatal error, after which it takes nothing more.
        self._spent = False

    def look(self) -> None:
        """Hear of errors, and replace a producer that is spent; only between two groups."""
        self._poll()
        if self._spent:
            self.producer, self._spent = Producer(self._config), False

    def queue(self, group: Sequence[_Flight]) -> None:
        """Hand the messages to the producer, topic by topic: the first are under way while the last are queued."""
        self.look()
        produce = self.producer.produce
        for topic in dict.fromkeys([topic for flight in group for topic in flight.messages]):
            for flight in group:
                batch = flight.messages.get(topic)
                if batch is None or flight.error is not None:
                    continue
                try:
                    for key, value in zip(batch.keys, batch.values, strict=True):
                        produce(topic, value, key, _ANY_PARTITION, flight)
                except KafkaException as error:
                    flight.error = error.args[0]
                except BufferError:
                    flight.error = KafkaError(KafkaError._QUEUE_FULL)  # noqa: SLF001 - the client's own codes have no other names

    async def drain(self) -> None:
        """Return when every message was acknowledged, or reported to its flight.

        A message counts in the producer's length until poll has served its report.
        """
        producer, polls = self.producer, 0
        while len(producer):
            await asyncio.sleep(_POLL_S if polls < _QUICK_POLLS else _SLOW_POLL_S)
            self._poll()
            polls += 1

    def _poll(self) -> None:
        try:
            self.producer.poll(0)
        except KafkaException as error:  # a fatal error is not told but raised
            self._on_error(error.args[0])

    def note(self, error: KafkaError) -> None:
        """Remember an error that ends the producer."""
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001
            self._spent = True

    def _on_error(self, error: KafkaError) -> None:
        self.note(error)
        self._report(error)


class KafkaGate:
    """Two producers, fed and polled by the event loop itself, so that no thread competes with it.

    Calls go out in groups: what comes within a moment goes together, by a producer that has nothing under way. A group
    is answered when its producer holds none of its messages any more: all of them were acknowledged then, but those
    that were reported. `ensure` makes the topics where they are missing; it is called in a thread.
    """

    def __init__(self, bootstrap: str, topics: Sequence[str], most_messages: int, ensure: Callable[[], object]) -> None:
        config = {"bootstrap.servers": bootstrap, **_CONFIG}
        self._topics = frozenset(topics)
        self._most_messages = most_messages
        self._ensure = ensure
        self._lanes = [_Lane(config, self._on_error) for _ in range(_LANES)]
        self._free = list(self._lanes)
        self._problem = "Kafka was not reached yet"
        self._look = asyncio.Event()
        # Whether `problem` is what the last look found, rather than a doubt.
        self._looked = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._next: list[_Flight] = []
        # What sends the next group.
        self._start: asyncio.TimerHandle | None = None
        self._messages = 0
        self._bytes = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._groups: set[asyncio.Task[None]] = set()

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
        self._tasks = [asyncio.create_task(self._keep_polling()), asyncio.create_task(self._keep_looking())]

    async def close(self) -> None:
        """Wait a while for what is under way."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _CLOSE_S)
        tasks = [*self._tasks, *self._groups]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
        self._send_soon()
        # What was taken is sent, whether or not anybody still waits for it.
        await flight.done

    def _send_soon(self) -> None:
        """Wait a moment for others, and as long as no producer is free."""
        if self._start is None and self._free:
            self._start = asyncio.get_running_loop().call_later(_GATHER_S, self._send_next)

    def _send_next(self) -> None:
        self._start = None
        group, self._next = self._next, []
        lane = self._free.pop(0)
        # Kafka may have gone while they waited; then nothing is queued before it was looked for.
        outcome = self._queue(lane, group) if not self._problem else None
        task = asyncio.create_task(self._end_group(lane, group, outcome))
        self._groups.add(task)
        task.add_done_callback(self._groups.discard)

    def _queue(self, lane: _Lane, group: Sequence[_Flight]) -> str:
        """Queue the messages of a group; returns what keeps them from being sent, or nothing."""
        try:
            lane.queue(group)
        except Exception:
            log_.exception("a group of %d calls was not sent", len(group))
            return "The collector could not send them, see its log. Send the events again: what was kept counts once."
        return ""

    async def _end_group(self, lane: _Lane, group: Sequence[_Flight], outcome: str | None) -> None:
        """Answer the calls of a group when Kafka has; `outcome` is what `_queue` said, None before it."""
        if outcome is None:
            await self._looked.wait()
            outcome = f"{self._problem}. Send the events again." if self._problem else self._queue(lane, group)
        await lane.drain()
        for flight in group:
            self._messages -= flight.count
            self._bytes -= flight.size
            flight.end(outcome or self._refusal(lane, flight))
        if not self._messages:
            self._idle.set()
        self._free.append(lane)
        if self._next:
            self._send_soon()

    async def _keep_polling(self) -> None:
        """Errors of idle connections are told by poll too."""
        while True:
            await asyncio.sleep(_LOOK_S)
            for lane in self._free:
                lane.look()

    def _refusal(self, lane: _Lane, flight: _Flight) -> str:
        error = flight.error
        if error is None:
            return ""
        lane.note(error)
        self._doubt("Kafka does not answer")
        return f"Kafka did not keep every event: {error.str()}. Send them again: what was kept counts once."

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._doubt("Kafka does not answer")

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
            known = self._known_topics()
            if self._topics - known:
                self._ensure()
                known = self._known_topics()
        except (KafkaException, HeadwaterError):
            return "Kafka does not answer"
        missing = sorted(self._topics - known)
        return f"Kafka has no topics {', '.join(missing)}" if missing else ""

    def _known_topics(self) -> set[str]:
        """As every producer sees it, so that each is connected before it is needed."""
        seen = [lane.producer.list_topics(timeout=_LOOK_TIMEOUT_S).topics.keys() for lane in self._lanes]
        return set.intersection(*map(set, seen))
