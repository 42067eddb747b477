"""Any number of events in blocks of bounded size, in the order of time within each block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from headwater.core.generator.lines import event_ids, visit_texts
from headwater.core.generator.visits import VISITS_PER_USER, starts_us, visit_lengths, visits
from headwater.errors import FixSettings

DEFAULT_START = datetime(2026, 1, 12, tzinfo=UTC)
DEFAULT_DAYS = 3.0

_VISITS_PER_BLOCK = 2_000
_COUNT_AT_ONCE = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Spec:
    """What to generate; equal specs give equal bytes."""

    events: int
    seed: int = 1
    start: datetime = DEFAULT_START
    days: float = DEFAULT_DAYS

    def __post_init__(self) -> None:
        if self.events < 1 or self.days <= 0:
            raise FixSettings("Ask for at least one event and a positive number of days.", spec=self)


@dataclass(frozen=True, slots=True)
class Block:
    """Messages of the four streams, one of each per event, in the order of time."""

    browser: list[str]
    device: list[str]
    geo: list[str]
    location: list[str]

    def lines(self, stream: str) -> list[str]:
        """Messages of one stream by its name."""
        return {"browser": self.browser, "device": self.device, "geo": self.geo, "location": self.location}[stream]


def generate(spec: Spec) -> Iterator[Block]:
    """Blocks with exactly `spec.events` events in all, spread over `spec.days` from `spec.start`."""
    total = _visits_needed(spec)
    start_us = (spec.start - _EPOCH) // (datetime.resolution)
    left = spec.events
    for first in range(0, total, _VISITS_PER_BLOCK):
        block = _block(spec, first, min(_VISITS_PER_BLOCK, total - first), total, start_us, left)
        left -= len(block.browser)
        yield block


def _visits_needed(spec: Spec) -> int:
    events = first = 0
    while True:
        ends = events + np.cumsum(visit_lengths(spec.seed, first, _COUNT_AT_ONCE))
        if ends[-1] >= spec.events:
            return first + int(np.searchsorted(ends, spec.events)) + 1
        events, first = int(ends[-1]), first + _COUNT_AT_ONCE


def _block(spec: Spec, first: int, count: int, total: int, start_us: int, left: int) -> Block:
    active_users = max(1, total // VISITS_PER_USER // 2)
    block = visits(spec.seed, first, count, active_users)
    texts = visit_texts(spec.seed, block)
    ids = [event_id for of_visit in event_ids(spec.seed, block) for event_id in of_visit]
    starts = start_us + starts_us(spec.seed, block.numbers, total, spec.days)
    lengths = block.lengths
    happens = np.arange(block.pages.shape[1]) < lengths[:, None]
    times = (starts[:, None] + block.offsets_us)[happens][:left]
    order = np.argsort(times, kind="stable")
    moments = np.datetime_as_string(times[order].astype("datetime64[us]")).tolist()
    visit_of = np.repeat(np.arange(count), lengths)[order].tolist()
    pages = block.pages[happens][order].tolist()
    types = block.types[happens][order].tolist()
    browser, location = [], []
    for event, when, visit, page, kind in zip(order.tolist(), moments, visit_of, pages, types, strict=True):
        text, event_id = texts[visit], ids[event]
        browser.append(text.browser(event_id, f"{when[:10]} {when[11:]}", kind))
        location.append(text.location(event_id, page))
    return Block(browser, [texts[v].device for v in visit_of], [texts[v].geo for v in visit_of], location)
