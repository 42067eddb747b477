"""What one process sees of its members' work, stream by stream: totals, metrics, and log lines without payloads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from headwater.app.storing import Moved
from headwater.contracts import metrics
from headwater.core.ranges import Claim, Stored
from headwater.ports import Clock, Meter

log_ = logging.getLogger("headwater.consumer")

# Ranges with dead letters that wait to be asked for their reasons; a flood must not fill the memory.
_MOST_RANGES = 1_000


def tell(event: str, level: int = logging.INFO, /, **facts: object) -> None:
    """Log one event with its facts; how they are written is the entry point's choice."""
    log_.log(level, event, extra={"facts": facts})


@dataclass(frozen=True, slots=True)
class Progress:
    """What was stored of one partition since the last report."""

    partition: int
    from_offset: int
    to_offset: int
    claims: int
    messages: int
    staged: int
    dead_letters: int
    heartbeats: int
    insert_s: float

    @classmethod
    def of(cls, stored: Stored, insert_s: float) -> Progress:
        """The progress of one claim."""
        claim, found = stored.claim, stored.found
        return cls(
            claim.partition, claim.from_offset, claim.to_offset, 1, claim.messages,
            found.staged, found.dead_letters, found.heartbeats, insert_s,
        )  # fmt: skip

    def __add__(self, later: Progress) -> Progress:
        return Progress(
            self.partition,
            min(self.from_offset, later.from_offset),
            max(self.to_offset, later.to_offset),
            self.claims + later.claims,
            self.messages + later.messages,
            self.staged + later.staged,
            self.dead_letters + later.dead_letters,
            self.heartbeats + later.heartbeats,
            self.insert_s + later.insert_s,
        )

    def facts(self) -> Mapping[str, object]:
        """For a log line."""
        return {
            "partition": self.partition,
            "from_offset": self.from_offset,
            "to_offset": self.to_offset,
            "claims": self.claims,
            "messages": self.messages,
            "staged": self.staged,
            "dead_letters": self.dead_letters,
            "heartbeats": self.heartbeats,
            "insert_s": round(self.insert_s, 3),
        }


class StreamWatch:
    """Watches the members of one stream in this process, over their restarts. Safe to use from any thread."""

    def __init__(self, stream: str, meter: Meter, clock: Clock) -> None:
        self.stream = stream
        self._meter = meter
        self._clock = clock
        self._lock = threading.Lock()
        self._moved = Moved(stream)
        self._progress: dict[int, Progress] = {}
        self._rejected: list[Claim] = []

    def resumed(self, topic: str, partition: int, offset: int) -> None:
        """Say which partition the member has, and from where it reads."""
        tell("resumed", stream=self.stream, topic=topic, partition=partition, offset=offset)

    def claimed(self, claim: Claim, *, won: bool) -> None:
        """Count the claim."""
        self._meter.add(metrics.CLAIMS, stream=self.stream, outcome="won" if won else "obeyed")
        if not won:
            tell("obeyed", stream=self.stream, member=claim.member, **_range(claim))

    def stored(self, stored: Stored, insert_s: float) -> None:
        """Count what the claim brought."""
        claim, found = stored.claim, stored.found
        with self._lock:
            self._moved.add(stored)
            more = Progress.of(stored, insert_s)
            before = self._progress.get(claim.partition)
            self._progress[claim.partition] = before + more if before else more
            if found.dead_letters and len(self._rejected) < _MOST_RANGES:
                self._rejected.append(claim)
        for target, rows in (
            ("staged", found.staged), ("dead_letters", found.dead_letters), ("heartbeats", found.heartbeats),
        ):  # fmt: skip
            if rows:
                self._meter.add(metrics.ROWS, rows, stream=self.stream, target=target)
        self._meter.observe(metrics.INSERT_SECONDS, insert_s, stream=self.stream)
        self._meter.set(metrics.LAST_STORED, self._clock.now().timestamp(), stream=self.stream)
        if stored.lost:
            self._meter.add(metrics.LOST, stored.lost, stream=self.stream)
        if stored.repairs:
            self._meter.add(metrics.REPAIRS, stored.repairs, stream=self.stream)
            tell("repaired", logging.WARNING, stream=self.stream, repairs=stored.repairs, **_range(claim))
        if log_.isEnabledFor(logging.DEBUG):
            tell("stored", logging.DEBUG, stream=self.stream, **more.facts())

    def moved(self) -> Moved:
        """Everything that was stored so far."""
        with self._lock:
            return replace(self._moved, partitions=self._moved.partitions.copy())

    def take_progress(self) -> list[Progress]:
        """What was stored since the last call, by partition."""
        with self._lock:
            taken, self._progress = self._progress, {}
        return [taken[partition] for partition in sorted(taken)]

    def take_rejected(self) -> list[Claim]:
        """Claims with dead letters since the last call; those that follow on each other are joined into one."""
        with self._lock:
            taken, self._rejected = self._rejected, []
        joined: list[Claim] = []
        for claim in sorted(taken, key=lambda c: (c.epoch, c.partition, c.from_offset)):
            last = joined[-1] if joined else None
            follows = last and (last.epoch, last.partition, last.to_offset) == (
                claim.epoch, claim.partition, claim.from_offset,
            )  # fmt: skip
            if last and follows:
                joined[-1] = replace(last, to_offset=claim.to_offset, messages=last.messages + claim.messages)
            else:
                joined.append(claim)
        return joined


def _range(claim: Claim) -> dict[str, object]:
    return {
        "partition": claim.partition,
        "from_offset": claim.from_offset,
        "to_offset": claim.to_offset,
        "messages": claim.messages,
    }
