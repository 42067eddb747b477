"""Visits without end, as events in the order in which they fall due."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from headwater.contracts.streams import FACT_STREAMS
from headwater.core.generator.lines import VisitTexts, event_ids, visit_texts
from headwater.core.generator.randomness import fraction, hashed
from headwater.core.generator.visits import visit_lengths, visits

# Visits that began this long before the start are under way when it comes, so that the rate is there at once. At
# thousands of events per second it is shorter, and the rate rises in the first minutes.
_LEAD_S = 1800.0
_LEAD_VISITS = 200_000
_VISITS_AT_ONCE = 500
_ACTIVE_USERS = 400
_MEASURED_VISITS = 20_000


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """An event that happens `due_s` seconds after the start."""

    due_s: float
    visit: int
    event_id: str
    page: int
    event_type: int
    texts: VisitTexts

    def messages(self, at: datetime) -> Iterator[tuple[str, bytes, bytes]]:
        """Topic, key and value of its message in each stream, as of the moment `at`."""
        timestamp = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        values = {
            "browser": self.texts.browser(self.event_id, timestamp, self.event_type),
            "device": self.texts.device,
            "geo": self.texts.geo,
            "location": self.texts.location(self.event_id, self.page),
        }
        keys = {"click_id": self.texts.click_id, "event_id": self.event_id}
        for name, stream in FACT_STREAMS.items():
            yield stream.topic, keys[stream.key_field].encode(), values[name].encode()


def live_events(rate: float, seed: int) -> Iterator[LiveEvent]:
    """Events at `rate` per second on average, from 0 seconds on, for ever; the same for the same rate and seed."""
    visits_per_s = rate / float(visit_lengths(seed, 0, _MEASURED_VISITS).mean())
    lead_s = min(_LEAD_S, _LEAD_VISITS / visits_per_s)
    waiting: list[tuple[float, int, int, LiveEvent]] = []
    for first in itertools.count(0, _VISITS_AT_ONCE):
        for start, events in _visits(seed, first, visits_per_s, lead_s):
            while waiting and waiting[0][0] < start:
                yield heapq.heappop(waiting)[-1]
            for step, event in enumerate(events):
                heapq.heappush(waiting, (event.due_s, event.visit, step, event))


def _visits(seed: int, first: int, visits_per_s: float, lead_s: float) -> Iterator[tuple[float, list[LiveEvent]]]:
    """Start of each visit of a block, in order, and its events that lie after the start of all."""
    block = visits(seed, first, _VISITS_AT_ONCE, _ACTIVE_USERS)
    starts = (block.numbers + fraction(hashed(seed, "start", block.numbers))) / visits_per_s - lead_s
    lasts = starts + block.offsets_us[np.arange(_VISITS_AT_ONCE), block.lengths - 1] / 1e6
    block, starts = block.only(lasts >= 0), starts[lasts >= 0]
    if not len(starts):
        return
    dues = np.round(starts[:, None] + block.offsets_us / 1e6, 3).tolist()
    texts, ids = visit_texts(seed, block), event_ids(seed, block)
    for i, (start, number) in enumerate(zip(starts.tolist(), block.numbers.tolist(), strict=True)):
        pages, types = block.pages[i].tolist(), block.types[i].tolist()
        steps = range(len(ids[i]))
        yield (
            start,
            [
                LiveEvent(dues[i][step], number, ids[i][step], pages[step], types[step], texts[i])
                for step in steps
                if dues[i][step] >= 0
            ],
        )
