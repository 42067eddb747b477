"""Kafka's topics behind the port `TopicAdmin`."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from headwater.adapters.kafka import ANSWER_S, QUIET
from headwater.adapters.kafka_errors import answering
from headwater.contracts.topics import Topic
from headwater.errors import FixSettings
from headwater.ports import TopicChange

_TIMEOUT_S = 10.0


def _is_unknown(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART


class KafkaTopics:
    """A cluster, by its bootstrap address."""

    def __init__(self, bootstrap: str, replication: int = 1) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
        self._replication = replication

    def ensure(self, topic: Topic) -> TopicChange:
        """Create the topic, or add partitions and set what differs. Raises `FixSettings` when it has too many."""
        with answering(topic.name):
            if self._create(topic):
                return TopicChange(topic.name, "created", f"{topic.partitions} partitions")
            changes = [*self._add_partitions(topic), *self._alter(topic)]
        return TopicChange(topic.name, "changed" if changes else "unchanged", ", ".join(changes))

    def _create(self, topic: Topic) -> bool:
        new = NewTopic(topic.name, topic.partitions, self._replication, config=dict(topic.config))
        try:
            _wait(self._admin.create_topics([new], request_timeout=_TIMEOUT_S)[topic.name])
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
            return False
        self._wait_until_known(topic.name)
        return True

    @retry(
        retry=retry_if_exception(_is_unknown), stop=stop_after_delay(_TIMEOUT_S), wait=wait_fixed(0.05), reraise=True
    )
    def _wait_until_known(self, topic: str) -> None:
        """A broker confirms a new topic a little before it answers for it."""
        _wait(self._admin.describe_topics(TopicCollection([topic]), request_timeout=_TIMEOUT_S)[topic])

    def _add_partitions(self, topic: Topic) -> list[str]:
        metadata = self._admin.list_topics(topic.name, timeout=_TIMEOUT_S).topics[topic.name]
        present = len(metadata.partitions)
        if present > topic.partitions:
            raise FixSettings(
                f"Topic {topic.name} has {present} partitions, kafka/topics.yaml says {topic.partitions}. Kafka cannot "
                "remove partitions: set the file to the higher number."
            )
        if present == topic.partitions:
            return []
        more = NewPartitions(topic.name, topic.partitions)
        _wait(self._admin.create_partitions([more], request_timeout=_TIMEOUT_S)[topic.name])
        return [f"{present} → {topic.partitions} partitions"]

    def _alter(self, topic: Topic) -> list[str]:
        resource = ConfigResource(ResourceType.TOPIC, topic.name)
        present = _wait(self._admin.describe_configs([resource], request_timeout=_TIMEOUT_S)[resource])
        differing = {k: v for k, v in topic.config.items() if k not in present or present[k].value != v}
        if differing:
            entries = [
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in differing.items()
            ]
            change = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
            _wait(self._admin.incremental_alter_configs([change], request_timeout=_TIMEOUT_S)[change])
        return [f"{name} = {value}" for name, value in differing.items()]


def _wait(future: Any) -> Any:
    return future.result(ANSWER_S)
