"""Visits without end, as events in the order in which they fall due."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from headwater.contracts.streams import STREAMS
from headwater.core.generator.lines import VisitTexts, event_ids, visit_texts
from headwater.core.generator.randomness import fraction, hashed
from headwater.core.generator.visits import visit_lengths, visits

# Visits that began this long before the start are under way when it comes, so that the rate is there at once.
_LEAD_S = 1800.0
_VISITS_AT_ONCE = 200
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
        for name, stream in STREAMS.items():
            yield stream.topic, keys[stream.key_field].encode(), values[name].encode()


def live_events(rate: float, seed: int) -> Iterator[LiveEvent]:
    """Events at `rate` per second on average, from 0 seconds on, for ever; the same for the same seed."""
    visits_per_s = rate / float(visit_lengths(seed, 0, _MEASURED_VISITS).mean())
    waiting: list[tuple[float, int, int, LiveEvent]] = []
    first = 0
    while True:
        block = visits(seed, first, _VISITS_AT_ONCE, _ACTIVE_USERS)
        texts, ids, lengths = visit_texts(seed, block), event_ids(seed, block), block.lengths.tolist()
        starts = (block.numbers + fraction(hashed(seed, "start", block.numbers))) / visits_per_s - _LEAD_S
        dues = np.round(starts[:, None] + block.offsets_us / 1e6, 3).tolist()
        for visit, start in enumerate(starts.tolist()):
            while waiting and waiting[0][0] < start:
                yield heapq.heappop(waiting)[-1]
            for step in range(lengths[visit]):
                due_s = dues[visit][step]
                if due_s >= 0:
                    page, kind = int(block.pages[visit, step]), int(block.types[visit, step])
                    event = LiveEvent(due_s, first + visit, ids[visit][step], page, kind, texts[visit])
                    heapq.heappush(waiting, (due_s, first + visit, step, event))
        first += _VISITS_AT_ONCE
