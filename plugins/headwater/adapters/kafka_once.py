"""Messages that Kafka keeps all or none, and under a name at most once: a transaction that notes its own outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from headwater.adapters.kafka_origins import origin_headers
from headwater.adapters.kafka_sink import SINK_CONFIG
from headwater.errors import Retry

_TIMEOUT_S = 60.0
# Readers see nothing behind an open transaction, so one whose sender died must not stay open for long.
_OPEN_MS = 20_000
_COMMITTED = 1


class KafkaOnce:
    """A transaction whose id is the name: opening it fences every other sender of that name and takes back its work.

    The transaction also commits an offset for the group of the same name. So whoever opens the name afterwards sees
    whether messages were committed under it, however the sender ended.
    """

    def __init__(self, config: Mapping[str, str | int | float | bool], name: str, topic: str) -> None:
        self._mark = TopicPartition(topic, 0, _COMMITTED)
        self._producer = Producer(
            {**config, **SINK_CONFIG, "transactional.id": name, "transaction.timeout.ms": _OPEN_MS}
        )
        self._group = Consumer({**config, "group.id": name, "enable.auto.commit": False})
        self._open = False
        self._producer.init_transactions(_TIMEOUT_S)
        found = self._group.committed([TopicPartition(topic, 0)], timeout=_TIMEOUT_S)[0]
        if found.error is not None:
            raise KafkaException(found.error)
        self.was_sent = found.offset >= _COMMITTED

    def send(self, topic: str, key: bytes | None, value: bytes, origin: str = "", line: int = 0) -> None:
        """Queue one message in the transaction."""
        self._begin()
        headers = origin_headers(origin, line)
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def flush(self) -> None:
        """Wait until the log holds every message; readers see them after `commit`."""
        if self._producer.flush(_TIMEOUT_S):
            raise Retry("Kafka did not take every message of the transaction. Nothing was kept; run again.")

    def commit(self) -> None:
        """Keep everything that was sent, and the note that it was."""
        self._begin()
        self.flush()
        group = self._group.consumer_group_metadata()
        self._producer.send_offsets_to_transaction([self._mark], group, _TIMEOUT_S)
        while True:
            try:
                self._producer.commit_transaction(_TIMEOUT_S)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
            else:
                self._open = False
                self.was_sent = True
                return

    def close(self) -> None:
        """Take back what was not committed, and give the connections back."""
        try:
            if self._open:
                self._producer.abort_transaction(_TIMEOUT_S)
        finally:
            self._group.close()

    def _begin(self) -> None:
        if not self._open:
            self._producer.begin_transaction()
            self._open = True


@contextmanager
def sending_once(
    config: Mapping[str, str | int | float | bool], name: str, topics: Sequence[str], closing: bytes
) -> Iterator[KafkaOnce]:
    """A transaction under `name`; afterwards `closing` goes to every partition of `topics` outside of it."""
    try:
        once = KafkaOnce(config, name, topics[0])
        try:
            yield once
        finally:
            once.close()
    except KafkaException as error:
        cause = error.args[0]
        if cause.code() in _FENCED or cause.fatal():
            raise Retry(
                f"Another sender of {name} took over ({cause.name()}). Run again: what it sent is known."
            ) from error
        raise
    _close_partitions(config, topics, closing)


def _close_partitions(config: Mapping[str, str | int | float | bool], topics: Sequence[str], closing: bytes) -> None:
    producer = Producer({**config, "acks": "all", "enable.idempotence": True})
    for topic in topics:
        for partition in producer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions:
            producer.produce(topic, closing, partition=partition)
    if producer.flush(_TIMEOUT_S):
        raise Retry("Kafka did not take the closing messages of a replay. Run again: what was sent is known.")


_FENCED = {
    KafkaError._FENCED,  # noqa: SLF001 - the client's own codes have no other names
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.PRODUCER_FENCED,
}
