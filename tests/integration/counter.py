"""Counting clicks as a process that ends or stops itself at a named step; the tests look at what is left of it.

`python -m tests.integration.counter POINT NTH SIGNAL BOOTSTRAP`; ClickHouse's address comes from the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Producer

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.kafka_relay import KafkaRelay
from headwater.app.windows import Windows
from headwater.core.ranges import Message
from headwater.core.windows import Mark, Tumbling
from headwater.errors import Retry
from headwater.ports import Reject

URL = "COUNTER_CLICKHOUSE_URL"
POINTS = ("polled", "aside", "opened", "sent", "noted", "committed")
WINDOWS = Tumbling(60, 60)
# The shortest that brokers allow.
SESSION: dict[str, Any] = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 1_000}


class _Ledger(ClickHouseLedger):
    at: Callable[[str], None]

    def reject(self, stream: str, rejects: Sequence[Reject]) -> None:
        super().reject(stream, rejects)
        self.at("aside")


class _Log(KafkaLog):
    at: Callable[[str], None]

    @contextmanager
    def relay(
        self, name: str, topic: str, began: Callable[[int, Mark], None], ended: Callable[[int], None]
    ) -> Iterator[KafkaRelay]:
        with super().relay(name, topic, began, ended) as relay:
            yield _watched(relay, self.at)


def _watched(relay: KafkaRelay, at: Callable[[str], None]) -> KafkaRelay:
    poll, commit, make = relay.poll, relay.commit, relay._producer

    def polling(timeout_s: float) -> Sequence[tuple[int, Message]]:
        received = poll(timeout_s)
        if received:
            at("polled")
        return received

    class Watched:
        def __init__(self, producer: Producer) -> None:
            self._producer = producer

        def __getattr__(self, name: str) -> object:
            return getattr(self._producer, name)

        def begin_transaction(self) -> None:
            self._producer.begin_transaction()
            at("opened")

        def send_offsets_to_transaction(self, *given: Any) -> None:
            self._producer.flush(10)
            at("sent")
            self._producer.send_offsets_to_transaction(*given)
            at("noted")

    def committing(
        partition: int, mark: Mark, topic: str, messages: Sequence[tuple[bytes, bytes]], origin: str
    ) -> None:
        commit(partition, mark, topic, messages, origin)
        at("committed")

    watched: Any = relay
    watched.poll, watched.commit = polling, committing
    watched._producer = lambda partition: Watched(make(partition))
    return relay


def main(point: str, nth: int, number: int, bootstrap: str) -> None:
    """Count until there is nothing left, dying on the way; a member that lost its place says so and ends."""
    seen = 0

    def at(name: str) -> None:
        nonlocal seen
        seen += name == point
        if name == point and seen == nth:
            os.kill(os.getpid(), number)

    log, ledger = _Log(bootstrap, **SESSION), _Ledger(ClickHouse(os.environ[URL]))
    log.at = ledger.at = at
    try:
        Windows(log, ledger, WINDOWS).drain(timeout_s=60)
    except Retry as error:
        print(error, file=sys.stderr)
        raise SystemExit(3) from None


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
