"""Visits of a shop as arrays: who comes when, which pages they see, and how long they stay on each."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from headwater.core.generator.population import DEVICES, PLACES, SOURCES
from headwater.core.generator.randomness import Hashes, Weights, below, fraction, hashed

PAGES = ("/home", "/product_a", "/product_b", "/product_c", "/product_d", "/cart", "/payment", "/confirmation")
EVENT_TYPES = ("pageview", "click", "scroll")
MAX_EVENTS_PER_VISIT = 24
VISITS_PER_USER = 4

_END = len(PAGES)
_ENTRY = Weights((64, 10, 8, 6, 4, 6, 1, 0))
# From a page (row) to the next page or the end of the visit (columns, the last one), in percent.
_NEXT = np.array(
    [
        [10, 24, 18, 12, 9, 5, 0, 0, 22],
        [14, 6, 14, 9, 7, 28, 0, 0, 22],
        [14, 14, 6, 9, 7, 27, 0, 0, 23],
        [14, 12, 12, 5, 8, 26, 0, 0, 23],
        [14, 12, 12, 8, 5, 25, 0, 0, 24],
        [9, 6, 5, 4, 3, 7, 44, 0, 22],
        [4, 0, 0, 0, 0, 9, 3, 66, 18],
        [30, 5, 4, 3, 2, 0, 0, 0, 56],
        [0, 0, 0, 0, 0, 0, 0, 0, 100],
    ],
    dtype=np.int64,
).cumsum(axis=1)
_TYPES = Weights((90, 7, 3))
# Seconds until the next event: a tenth of the events within each pair of neighbours.
_GAPS_S = np.array([1, 3, 5, 8, 11, 16, 23, 34, 55, 110, 420], dtype=np.float64)
_HOURS = np.array([3, 2, 1, 1, 1, 2, 3, 5, 7, 8, 8, 8, 9, 8, 8, 8, 8, 9, 10, 11, 11, 9, 7, 4], dtype=np.float64)
_HOUR_STARTS = np.concatenate([[0.0], np.cumsum(_HOURS) / _HOURS.sum()])
_LONG_LIVED_PERCENT = 70
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Visits:
    """Consecutive visits; arrays of one entry per visit, or per visit and possible event."""

    numbers: NDArray[np.int64]
    users: NDArray[np.int64]
    clicks: Hashes
    pages: NDArray[np.int64]
    types: NDArray[np.int64]
    offsets_us: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Events of each visit."""
        return _lengths(self.pages)

    def only(self, chosen: NDArray[np.bool_]) -> Visits:
        """The visits for which `chosen` is true."""
        return Visits(*(getattr(self, field.name)[chosen] for field in fields(self)))


def visit_lengths(seed: int, first: int, count: int) -> NDArray[np.int64]:
    """Events of each of `count` visits from number `first` on."""
    return _lengths(_pages(seed, _numbers(first, count)))


def visits(seed: int, first: int, count: int, active_users: int) -> Visits:
    """`count` visits from number `first` on, by users out of a slowly moving circle of `active_users`."""
    numbers = _numbers(first, count)
    spread = fraction(hashed(seed, "user", numbers))
    users = numbers // VISITS_PER_USER + (spread * spread * float(active_users)).astype(np.int64)
    is_long_lived = below(hashed(seed, "long lived", users), 100) < _LONG_LIVED_PERCENT
    clicks = np.where(is_long_lived, hashed(seed, "click", users), hashed(seed, "click", users, numbers))
    pages = _pages(seed, numbers)
    types = np.stack([_TYPES.pick(hashed(seed, "type", numbers, step)) for step in range(MAX_EVENTS_PER_VISIT)], axis=1)
    types[pages >= PAGES.index("/payment")] = 0
    gaps = np.stack([_gaps_us(seed, numbers, step) for step in range(MAX_EVENTS_PER_VISIT)], axis=1)
    gaps[:, 0] = 0
    return Visits(numbers, users, clicks, pages, types, np.cumsum(gaps, axis=1))


def starts_us(seed: int, numbers: NDArray[np.int64], total: int, days: float) -> NDArray[np.int64]:
    """Microseconds from the first midnight to the start of each visit: `total` visits over `days`, fewer at night."""
    position = (numbers.astype(np.float64) + fraction(hashed(seed, "start", numbers))) / float(total) * days
    day = np.floor(position)
    part = position - day
    hour = np.clip(np.searchsorted(_HOUR_STARTS, part, side="right") - 1, 0, 23)
    inside = (part - _HOUR_STARTS[hour]) / (_HOUR_STARTS[hour + 1] - _HOUR_STARTS[hour])
    of_day = (hour.astype(np.float64) + inside) * 3_600_000_000.0
    starts: NDArray[np.int64] = day.astype(np.int64) * _DAY_US + of_day.astype(np.int64)
    return starts


@dataclass(frozen=True, slots=True)
class Traits:
    """Which place, device, source and so on each click_id or visit has, as indexes into the population."""

    places: NDArray[np.int64]
    devices: NDArray[np.int64]
    versions: NDArray[np.int64]
    hosts: NDArray[np.int64]
    sources: NDArray[np.int64]
    details: NDArray[np.int64]
    quirks: NDArray[np.int64]


def traits(seed: int, block: Visits) -> Traits:
    """Place and device belong to the click_id, the source to the visit."""
    return Traits(
        places=Weights([place.weight for place in PLACES]).pick(hashed(seed, "place", block.users)),
        devices=Weights([device.weight for device in DEVICES]).pick(hashed(seed, "device", block.clicks)),
        versions=below(hashed(seed, "version", block.clicks), 20),
        hosts=below(hashed(seed, "host", block.clicks), 3 * 254),
        sources=Weights([source.weight for source in SOURCES]).pick(hashed(seed, "source", block.numbers)),
        details=below(hashed(seed, "details", block.numbers), 6),
        quirks=below(hashed(seed, "quirks", block.clicks), 100),
    )


def _lengths(pages: NDArray[np.int64]) -> NDArray[np.int64]:
    lengths: NDArray[np.int64] = np.count_nonzero(pages != _END, axis=1)
    return lengths


def _numbers(first: int, count: int) -> NDArray[np.int64]:
    return np.arange(first, first + count, dtype=np.int64)


def _pages(seed: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    page = _ENTRY.pick(hashed(seed, "page", numbers, 0))
    pages = [page]
    for step in range(1, MAX_EVENTS_PER_VISIT):
        percent = below(hashed(seed, "page", numbers, step), 100)
        page = (percent[:, None] >= _NEXT[page]).sum(axis=1)
        pages.append(page)
    return np.stack(pages, axis=1)


def _gaps_us(seed: int, numbers: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    position = fraction(hashed(seed, "gap", numbers, step)) * float(len(_GAPS_S) - 1)
    tenth = position.astype(np.int64)
    seconds = _GAPS_S[tenth] + (position - tenth) * (_GAPS_S[tenth + 1] - _GAPS_S[tenth])
    return (seconds * 1e6).astype(np.int64)
