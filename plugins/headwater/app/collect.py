"""Take events of web pages in: judge each, send the good ones to the log, and tell what became of which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from headwater.contracts.streams import VISIT_STREAMS
from headwater.contracts.web_events import RefusedError, Visitor, WebReject
from headwater.core.web_bodies import Unread
from headwater.core.web_events import Reader, latest_time
from headwater.core.web_messages import Mapper, Messages
from headwater.core.web_usual import Given, usual_messages
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
        self._reader = Reader(mapper)
        self._gate = gate
        self._clock = clock

    async def take(self, given: Given, visitor: Visitor) -> Collected:
        """Send the valid events of one request. Raises `Busy` or `Retry`: then the request may be sent again.

        The device and the place of a visit are sent once per request.
        """
        latest = latest_time(self._clock.now())
        refused: Sequence[Refused] = ()
        made = None if given.usual is None else usual_messages(given.usual, self._reader, visitor, latest)
        if made is None:
            made, refused = self._judge(given.values(), visitor, latest)
        if made:
            shared, event_ids, browser, locations, interactions = zip(*made, strict=True)
            visits = list(dict.fromkeys(shared))
            click_ids = [visit.click_id for visit in shared]
            visit_ids = [visit.click_id for visit in visits]
            batches = (
                Keyed(visit_ids, [visit.device for visit in visits]),
                Keyed(visit_ids, [visit.geo for visit in visits]),
                Keyed(event_ids, locations),
                Keyed(click_ids, interactions),
                Keyed(click_ids, browser),
            )
            await self._gate.send(dict(zip(_TOPICS, batches, strict=True)))
        return Collected(len(made), refused)

    def _judge(
        self, values: Sequence[Any], visitor: Visitor, latest: datetime
    ) -> tuple[list[Messages], Sequence[Refused]]:
        made: list[Messages] = []
        refused: list[Refused] = []
        for index, value in enumerate(values):
            try:
                made.append(self._reader.read(value, visitor, latest))
            except RefusedError as error:
                refused.append(Refused(index, value, error.verdict))
        return made, refused
