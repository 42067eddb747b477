"""Kafka behind the port `EventSink`: messages that are kept once each, with their origin in the headers."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError, Message, Producer

from headwater.adapters import kafka_native
from headwater.adapters.kafka_native import NativeLines
from headwater.adapters.kafka_origins import LINE_HEADER, origin_headers, place_of
from headwater.core.lines import keyed_lines
from headwater.errors import Retry

SINK_CONFIG: Mapping[str, str | int | float | bool] = {
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 50,
    "compression.type": "lz4",
    "message.max.bytes": 2_000_000,
    # What waits stays in the processor's caches: a longer queue costs a third more.
    "batch.size": 400_000,
    "queue.buffering.max.messages": 10_000,
    "queue.buffering.max.kbytes": 65_536,
}

_PATIENCE_S = 120


class KafkaSink:
    """An idempotent producer that waits for all replicas; `config` names the cluster."""

    def __init__(self, config: Mapping[str, str | int | float | bool]) -> None:
        self._failure: KafkaError | None = None
        settings = {**config, **SINK_CONFIG, "message.timeout.ms": 1000 * _PATIENCE_S}
        self._lines: NativeLines | None = None
        if kafka_native.library() is not None:
            self._producer = Producer({**settings, **kafka_native.plugin()})
            self._lines = NativeLines()
        else:
            report = {"delivery.report.only.error": True, "on_delivery": self._on_delivery}
            self._producer = Producer({**settings, **report})

    def send(self, topic: str, key: bytes | None, value: bytes, origin: str = "", line: int = 0) -> None:
        """Queue one message with its origin in the headers."""
        self._send(topic, key, value, origin_headers(origin, line))
        self._producer.poll(0)

    def send_lines(self, topic: str, field: str, text: bytes, origin: str, first: int) -> int:
        """Queue one message per line."""
        if self._lines is not None:
            return self._lines.send(topic, field, text, origin, first, self._make_room)
        produce = self._producer.produce
        place = place_of(origin).__mod__
        headers: dict[str, str | bytes | None] = {}
        sent = 0
        for number, line, key in keyed_lines(text, field, first):
            headers[LINE_HEADER] = place(number)
            try:
                produce(topic, line, key, headers=headers)
            except BufferError:
                self._send(topic, key, line, headers)
            sent += 1
        self._producer.poll(0)
        return sent

    def flush(self) -> None:
        """Wait for every acknowledgement. Raises `Retry` when a message was not kept."""
        self._demand_kept()
        waiting = self._producer.flush(_PATIENCE_S)
        self._demand_kept()
        if waiting:
            raise _not_kept(f"no answer within {_PATIENCE_S} s")

    def _demand_kept(self) -> None:
        """Go no further when Kafka has refused a message, or was away for too long: the queue would fill for ever."""
        failure = self._failure or (self._lines and self._lines.failure)
        if failure:
            raise _not_kept(failure.str())

    def _send(self, topic: str, key: bytes | None, value: bytes, headers: dict[str, str | bytes | None] | None) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers)
            except BufferError:
                self._make_room()
            else:
                return

    def _make_room(self) -> None:
        """Wait a moment for acknowledgements."""
        self._producer.poll(0.1)
        self._demand_kept()

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failure = error


def _not_kept(reason: str) -> Retry:
    return Retry(f"Kafka did not keep every message: {reason}. Load again: what was kept counts once.")
