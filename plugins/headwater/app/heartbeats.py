"""Heartbeats: messages of the platform itself that go the way of the events, so that the way's length can be seen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from headwater.contracts.streams import HEARTBEAT_FIELD, HEARTBEAT_TIME_FIELD, Stream
from headwater.ports import Clock, Pulse


def heartbeat(sender: str, sent_at: datetime) -> bytes:
    """One heartbeat as a message; the chain of views routes it to `ops.freshness`."""
    at = sent_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return json.dumps({HEARTBEAT_FIELD: sender, HEARTBEAT_TIME_FIELD: at}).encode()


class Heartbeats:
    """The heartbeats of one consumer process: one for every partition of its streams, each time it is asked."""

    def __init__(self, streams: Iterable[Stream], pulse: Pulse, clock: Clock, sender: str) -> None:
        self._topics = [stream.topic for stream in streams]
        self._pulse = pulse
        self._clock = clock
        self._sender = sender

    def beat(self) -> None:
        """Send one to each partition. Raises what the log raises when a topic is not known."""
        for topic in self._topics:
            self._pulse.beat(topic, heartbeat(self._sender, self._clock.now()))
