"""Take events of web pages in: judge each, send the good ones to the log, and tell what became of which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from headwater.contracts.streams import VISIT_STREAMS
from headwater.contracts.web_events import Visitor, WebReject
from headwater.core.web_bodies import Unread
from headwater.core.web_events import Reader, latest_time
from headwater.core.web_messages import Mapper, Messages, VisitMessages
from headwater.ports import Clock, Gate, Keyed

# Browser messages are last: the other parts are on their way when the event is seen.
_ORDER = ("device", "geo", "location", "interaction", "browser")
_TOPICS = tuple(VISIT_STREAMS[name].topic for name in _ORDER)


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not taken, by its place in the request."""

    index: int
    value: Any
    verdict: WebReject

    def as_row(self) -> tuple[bytes, str, str, str]:
        """Its bytes, and the verdict's reason, field and detail."""
        raw = self.value.raw if isinstance(self.value, Unread) else to_json(self.value)
        return raw, self.verdict.reason.value, self.verdict.field, self.verdict.detail


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of a request; the log has acknowledged every accepted event."""

    accepted: int
    refused: Sequence[Refused]


class Collect:
    """The way of an event from a page into the topics."""

    def __init__(self, mapper: Mapper, gate: Gate, clock: Clock) -> None:
        self._reader = Reader()
        self._mapper = mapper
        self._gate = gate
        self._clock = clock

    async def take(self, values: Sequence[Any], visitor: Visitor) -> Collected:
        """Send the valid events of one request. Raises `Busy` or `Retry`: then the request may be sent again.

        The device and the place of a visit are sent once per request.
        """
        latest = latest_time(self._clock.now())
        refused: list[Refused] = []
        visits: dict[int, VisitMessages] = {}
        locations: list[Keyed] = []
        interactions: list[Keyed] = []
        events: list[Keyed] = []
        for index, value in enumerate(values):
            made = self._judge(value, visitor, latest)
            if isinstance(made, WebReject):
                refused.append(Refused(index, value, made))
                continue
            visit, event_id, browser, location, interaction = made
            visits[id(visit)] = visit
            click_id = visit.click_id
            locations.append({"key": event_id, "value": location})
            interactions.append({"key": click_id, "value": interaction})
            events.append({"key": click_id, "value": browser})
        if events:
            devices: list[Keyed] = [{"key": visit.click_id, "value": visit.device} for visit in visits.values()]
            places: list[Keyed] = [{"key": visit.click_id, "value": visit.geo} for visit in visits.values()]
            await self._gate.send(dict(zip(_TOPICS, (devices, places, locations, interactions, events), strict=True)))
        return Collected(len(events), refused)

    def _judge(self, value: Any, visitor: Visitor, latest: datetime) -> Messages | WebReject:
        if isinstance(value, Unread):
            return value.reject
        event = self._reader.read(value, visitor, latest)
        return event if isinstance(event, WebReject) else self._mapper.messages(event)
