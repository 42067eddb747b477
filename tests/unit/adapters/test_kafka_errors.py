"""Whatever way Kafka's client tells that nobody answers, it becomes an error that may be tried again."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from headwater.adapters.kafka_errors import answering
from headwater.errors import FixSettings, Retry

_SILENCES = [
    TimeoutError(),  # of a future
    KafkaException(KafkaError(KafkaError._TIMED_OUT)),
    KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN)),
]


@pytest.mark.parametrize("error", _SILENCES, ids=repr)
def test_silence_may_be_tried_again(error: Exception) -> None:
    with pytest.raises(Retry, match="Kafka does not answer"), answering("browser_events"):
        raise error


def test_a_topic_that_is_not_there_is_a_matter_of_settings() -> None:
    unknown = KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    with pytest.raises(FixSettings, match="headwater topics"), answering("browser_events"):
        raise unknown
