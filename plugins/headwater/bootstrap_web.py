"""The composition root of the HTTP collector: settings in, a wired service out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka_gate import KafkaGate
from headwater.adapters.metrics import Metrics
from headwater.adapters.places import open_places, shown_addresses
from headwater.adapters.topics import KafkaTopics
from headwater.adapters.web_rejects import RejectBook
from headwater.adapters.web_rejects import Row as RejectedEvent
from headwater.adapters.write_keys import KeyFile
from headwater.app.collect import Collect, Refused
from headwater.app.topics import apply_topics
from headwater.assets import asset
from headwater.contracts.collector_metrics import COLLECTOR_METRICS, READY, REFUSED, UNRECORDED, WAITING
from headwater.contracts.streams import VISIT_STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.user_agents import warm_up
from headwater.core.web_messages import Mapper
from headwater.core.write_keys import OWN_SITE, WriteKey, hash_key
from headwater.settings import Settings


class CollectorService:
    """The HTTP collector, wired; made within a running event loop."""

    def __init__(self, settings: Settings) -> None:
        self._clock = SystemClock()
        self.meter = Metrics(COLLECTOR_METRICS)
        mapper = Mapper(open_places(settings.collector_geoip_file), shown_addresses(settings.collector_addresses))
        self.gate = KafkaGate(
            settings.kafka_bootstrap,
            [stream.topic for stream in VISIT_STREAMS.values()],
            settings.collector_queue_messages,
            lambda: apply_topics(load_topics(asset("kafka/topics.yaml")), KafkaTopics(settings.kafka_bootstrap)),
        )
        self.collect = Collect(mapper, self.gate, self._clock)
        self._own_keys = own_keys(settings, self._clock.now())
        self._key_file = key_file(settings)
        writer = settings.clickhouse_writer_url or settings.clickhouse_url
        self._rejects = RejectBook(
            writer.get_secret_value() if writer else None, lambda events: self.meter.add(UNRECORDED, events)
        )

    def keys(self) -> Mapping[str, WriteKey]:
        """Write keys by their hash: those of the file, and the one of the settings."""
        return {**self._own_keys, **self._key_file.keys()}

    async def open(self) -> None:
        """Look for Kafka, and go on doing so."""
        await self.gate.open()
        self._rejects.open()
        await asyncio.to_thread(warm_up)

    async def close(self) -> None:
        """Wait for Kafka's answers, and write what is known of refused events."""
        await self.gate.close()
        await self._rejects.close()

    def keep_rejects(self, site: str, request_id: str, refused: Sequence[Refused]) -> None:
        """Count refused events, and keep them in the background."""
        now = self._clock.now()
        for each in refused:
            self.meter.add(REFUSED, site=site, reason=each.verdict.reason.value)
        origin = f"http:{site}/{request_id}"
        self._rejects.put([RejectedEvent(*each.as_row(), origin, each.index + 1, now) for each in refused])

    def render_metrics(self) -> str:
        """The numbers of the moment."""
        self.meter.set(WAITING, self.gate.waiting)
        self.meter.set(READY, 0 if self.gate.problem else 1)
        return self.meter.render()


def own_keys(settings: Settings, now: datetime) -> dict[str, WriteKey]:
    """The write key of the settings, which the demo shop uses."""
    if settings.collector_write_key is None:
        return {}
    hashed = hash_key(settings.collector_write_key.get_secret_value())
    return {hashed: WriteKey(hashed, OWN_SITE, now)}


def key_file(settings: Settings) -> KeyFile:
    """The write keys of the installation."""
    return KeyFile(settings.collector_keys_file or settings.home / "secrets" / "write-keys.json", SystemClock())
