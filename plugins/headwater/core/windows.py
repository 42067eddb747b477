"""Tumbling windows of event time over the messages of one partition after another.

Counts leave in *discarding* panes (Akidau et al., The Dataflow Model, 2015): what a pane has counted is forgotten, a
window may leave in several panes, and the sum of their counts is the count of the window. So nothing but the place in
the log and the watermark has to outlive a crash.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class LatePolicy(StrEnum):
    """What becomes of a click whose window was closed when it came."""

    ASIDE = "aside"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Tumbling:
    """Windows of `size_s` seconds, one after the other; each stays open `grace_s` longer than it lasts."""

    size_s: int = 60
    grace_s: int = 60
    late: LatePolicy = LatePolicy.ASIDE

    def start(self, at: datetime) -> int:
        """Start of the window that `at` falls into, in Unix seconds."""
        return int(at.timestamp()) // self.size_s * self.size_s

    def is_closed(self, start: int, watermark_s: float) -> bool:
        """Whether the window from `start` takes no more when events of up to `watermark_s` were seen."""
        return start + self.size_s + self.grace_s <= watermark_s


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a partition was counted: the next offset, and the latest event time that was seen, in Unix seconds."""

    offset: int
    watermark_s: float = 0.0

    def text(self) -> str:
        """The watermark, as it stands beside the committed offset."""
        return f"{self.watermark_s:.6f}"

    @classmethod
    def of(cls, offset: int, text: str) -> Mark:
        """The mark of a committed offset with its text; an empty text is the beginning of time."""
        return cls(offset, float(text or 0))


@dataclass(frozen=True, slots=True, order=True)
class Pane:
    """Clicks on a product that were counted for the window from `start`, in Unix seconds."""

    product_id: int
    start: int
    count: int


class Panes:
    """Counts of one partition since its last commit."""

    def __init__(self, windows: Tumbling, mark: Mark) -> None:
        self._windows = windows
        self._counts: Counter[tuple[int, int]] = Counter()
        self._began_at = mark.offset
        self.mark = mark

    def add(self, product_id: int, clicked_at: datetime, kafka_time: datetime) -> bool:
        """Count a click; false when its window was closed and the policy keeps it aside.

        Time goes on with the clicks, but not past the log's own clock: one that claims to come from the future closes
        no windows.
        """
        start = self._windows.start(clicked_at)
        if self._windows.late is LatePolicy.ASIDE and self._windows.is_closed(start, self.mark.watermark_s):
            return False
        self._counts[product_id, start] += 1
        seen_s = min(clicked_at, kafka_time).timestamp()
        if seen_s > self.mark.watermark_s:
            self.mark = replace(self.mark, watermark_s=seen_s)
        return True

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def has_moved(self) -> bool:
        """Whether anything was looked at."""
        return self.mark.offset != self._began_at

    def reach(self, offset: int) -> None:
        """Everything before `offset` was looked at."""
        self.mark = replace(self.mark, offset=offset)

    def panes(self) -> list[Pane]:
        """What was counted, in order."""
        return sorted(Pane(product, start, count) for (product, start), count in self._counts.items())
