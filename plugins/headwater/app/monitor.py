"""What a consumer process looks up from time to time: lag, reasons of rejects; and what it writes down: its errors."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from headwater.app.consumer import Failure
from headwater.app.watching import StreamWatch, tell
from headwater.contracts import metrics
from headwater.contracts.streams import Stream
from headwater.core.ranges import Claim
from headwater.errors import HeadwaterError
from headwater.ports import Database, EventLog, Ledger, Meter


@dataclass(slots=True)
class Monitor:
    """Looks at the streams of one process beside its members; when a part is away it looks again later."""

    streams: Sequence[Stream]
    watches: Sequence[StreamWatch]
    failures: Callable[[], list[Failure]]
    log: EventLog
    ledger: Ledger
    database: Database
    meter: Meter
    member: str
    _unwritten: list[Failure] = field(default_factory=list)
    _unasked: list[tuple[str, Claim]] = field(default_factory=list)
    _is_blind: bool = False

    def look(self) -> None:
        """Report progress, then update lag and reasons and write errors down."""
        for watch in self.watches:
            for progress in watch.take_progress():
                tell("progress", stream=watch.stream, **progress.facts())
            self._unasked += [(watch.stream, claim) for claim in watch.take_rejected()]
        self._unwritten += self.failures()
        try:
            self._write_failures()
            self._ask_reasons()
            for stream in self.streams:
                self._measure_lag(stream)
        except HeadwaterError as error:
            if not self._is_blind:
                tell("lag is not known for now", logging.WARNING, error=f"{type(error).__name__}: {error}")
            self._is_blind = True
        else:
            self._is_blind = False

    def _measure_lag(self, stream: Stream) -> None:
        claims = self.ledger.claims(stream.topic, self.log.epoch(stream.topic))
        reached = {claim.partition: claim.to_offset for claim in claims}
        for partition, mark in self.log.watermarks(stream.topic).items():
            lag = max(0, mark.end - reached.get(partition, mark.begin))
            self.meter.set(metrics.LAG, lag, stream=stream.name, partition=str(partition))

    def _ask_reasons(self) -> None:
        while self._unasked:
            stream, claim = self._unasked[0]
            for row in self.database.rows(
                "ops/reject_reasons",
                topic=claim.topic,
                epoch=claim.epoch,
                partition=claim.partition,
                from_offset=claim.from_offset,
                to_offset=claim.to_offset,
            ):
                self.meter.add(metrics.REJECTS, row["messages"], stream=stream, reason=row["reason"])
            self._unasked.pop(0)

    def _write_failures(self) -> None:
        while self._unwritten:
            failure = self._unwritten[0]
            text = f"{self.member}:{failure}"
            self.database.run(
                "ops/record_consumer_error",
                token=f"consumer_error:{hashlib.sha256(text.encode()).hexdigest()}",
                stream=failure.stream,
                member=self.member,
                consequence=failure.consequence,
                message=failure.message,
                happened_at=failure.happened_at,
            )
            self._unwritten.pop(0)
