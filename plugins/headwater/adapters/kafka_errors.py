"""Errors of Kafka as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException

from headwater.errors import FixSettings, HeadwaterError, Retry

_AWAY = {
    KafkaError._TRANSPORT,  # noqa: SLF001 - the client's own codes have no other names
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
}

_SILENT = "Kafka does not answer. Start the stack with `headwater up`; `headwater status` shows what runs."


@contextmanager
def answering(topic: str) -> Iterator[None]:
    """Errors of Kafka as errors of ours: no such topic is a matter of settings, everything else may pass."""
    try:
        yield
    except KafkaException as error:
        raise translate(error, topic) from error
    except TimeoutError as error:  # of a future that the client did not end in time
        raise Retry(_SILENT, topic=topic) from error


def translate(error: KafkaException, topic: str) -> HeadwaterError:
    """The error of ours that says what to do."""
    cause = error.args[0]
    if cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return FixSettings(f"Kafka has no topic {topic}. Run `headwater topics` to create the topics.", topic=topic)
    if cause.code() in _AWAY:
        return Retry(_SILENT, topic=topic)
    return Retry(f"Kafka did not answer for {topic}: {cause.str()}. Look at `headwater status`.", topic=topic)
