"""Create the topics of `kafka/topics.yaml` and bring their settings up to date."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.contracts.topics import Topic
from headwater.ports import TopicAdmin, TopicChange


def apply_topics(topics: Sequence[Topic], admin: TopicAdmin) -> Sequence[TopicChange]:
    """Make the broker's topics equal to the file; running it again changes nothing.

    Partitions are only ever added: Kafka cannot remove them. Raises `FixSettings` when a topic has more.
    """
    return [admin.ensure(topic) for topic in topics]
