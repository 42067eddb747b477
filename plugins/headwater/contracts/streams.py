"""The streams: their topics, staging tables and columns, read off the event models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from headwater.contracts.events import (
    AggregatedClicks,
    BrowserEvent,
    ClickEvent,
    DeviceEvent,
    Event,
    GeoEvent,
    InteractionEvent,
    LocationEvent,
)
from headwater.contracts.types import Column

MAX_MESSAGE_BYTES = 1_000_000
HEARTBEAT_FIELD = "headwater_heartbeat"
HEARTBEAT_TIME_FIELD = "sent_at"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a stream."""

    name: str
    column: Column
    required: bool
    description: str
    example: str | bool | int


@dataclass(frozen=True)
class Stream:
    """A topic, the contract of its messages and the table they are staged in."""

    name: str
    model: type[Event]
    key_field: str
    version: int = 1
    topic_pattern: str = "{}_events"
    staging_pattern: str = "events_{}_raw"

    @property
    def topic(self) -> str:
        """Kafka topic."""
        return self.topic_pattern.format(self.name)

    @property
    def staging_name(self) -> str:
        """Name of the staging table within `analytics`."""
        return self.staging_pattern.format(self.name)

    @property
    def staging_table(self) -> str:
        """Qualified name of the staging table."""
        return f"analytics.{self.staging_name}"

    @property
    def file_name(self) -> str:
        """Name of the JSONL file in a folder of events."""
        return f"{self.name}_events.jsonl"

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Fields in contract order."""
        return tuple(
            Field(name, _column(info.metadata), info.is_required(), info.description or "", (info.examples or [""])[0])
            for name, info in self.model.model_fields.items()
        )


def _column(metadata: list[Any]) -> Column:
    return next(item for item in metadata if isinstance(item, Column))


# What `fact_events` is made of; files and samples hold these.
FACT_STREAMS: Mapping[str, Stream] = {
    stream.name: stream
    for stream in (
        Stream("browser", BrowserEvent, key_field="click_id"),
        Stream("device", DeviceEvent, key_field="click_id"),
        Stream("geo", GeoEvent, key_field="click_id"),
        Stream("location", LocationEvent, key_field="event_id"),
    )
}
INTERACTION = Stream("interaction", InteractionEvent, key_field="click_id")
# What a visit leaves behind.
VISIT_STREAMS: Mapping[str, Stream] = {**FACT_STREAMS, INTERACTION.name: INTERACTION}
AGGREGATION_CLICKS = Stream(
    "aggregation_clicks", AggregatedClicks, key_field="product_id", topic_pattern="{}", staging_pattern="{}_raw"
)
# What the engine stores.
STREAMS: Mapping[str, Stream] = {**VISIT_STREAMS, AGGREGATION_CLICKS.name: AGGREGATION_CLICKS}
# Counted in windows on their way; the engine stores the counts.
CLICKS = Stream("clicks", ClickEvent, key_field="product_id", topic_pattern="{}")
