"""How far ingestion is behind: in messages for each partition, and in seconds for each stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from headwater.contracts.streams import STREAMS, Stream
from headwater.ports import Clock, Database, EventLog, Row, Watermarks

_RATE_S = 60.0


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition. `position` is the first offset that no claim covers; times are None where nothing was stored."""

    stream: str
    partition: int
    position: int
    end: int
    messages_per_s: float
    last_stored_at: datetime | None

    @property
    def lag(self) -> int:
        """Messages that no claim covers yet."""
        return max(0, self.end - self.position)


@dataclass(frozen=True, slots=True)
class LastError:
    """The last error that ended a member of a stream, on any machine."""

    stream: str
    member: str
    consequence: str
    message: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class ConsumerStatus:
    """The group as Kafka's ends and ClickHouse's books show it, whoever does the work."""

    partitions: Sequence[PartitionStatus]
    errors: Sequence[LastError]

    def error_of(self, stream: str) -> LastError | None:
        """The last error of a stream; None where there was none in 30 days."""
        return next((error for error in self.errors if error.stream == stream), None)


@dataclass(frozen=True, slots=True)
class StreamLag:
    """Seconds from sending to queryable over the heartbeats of one stream; None where there were none."""

    stream: str
    heartbeats: int
    p50_s: float | None
    p99_s: float | None
    p999_s: float | None
    max_s: float | None
    last_sent_at: datetime | None


def consumer_status(streams: Sequence[Stream], log: EventLog, database: Database, clock: Clock) -> ConsumerStatus:
    """Where each partition stands, and its rate over the last minute. Raises what the log or the database raises."""
    found = [part for stream in streams for part in _partitions(stream, log, database, clock.now())]
    names = {stream.name for stream in streams}
    errors = [
        LastError(row["stream"], row["member"], row["consequence"], row["message"], _utc(row["happened_at"]))
        for row in database.rows("ops/last_consumer_errors")
        if row["stream"] in names
    ]
    return ConsumerStatus(found, errors)


def _partitions(stream: Stream, log: EventLog, database: Database, now: datetime) -> list[PartitionStatus]:
    rows = database.rows(
        "ops/consumer_status",
        topic=stream.topic,
        epoch=log.epoch(stream.topic),
        since=now - timedelta(seconds=_RATE_S),
        seconds=_RATE_S,
    )
    known = {int(row["partition"]): row for row in rows}
    return [_partition(stream, p, mark, known.get(p)) for p, mark in log.watermarks(stream.topic).items()]


def _partition(stream: Stream, partition: int, mark: Watermarks, row: Row | None) -> PartitionStatus:
    if row is None:
        return PartitionStatus(stream.name, partition, mark.begin, mark.end, 0.0, None)
    stored_at = _utc(row["last_stored_at"])
    was_stored = stored_at.timestamp() > 0
    return PartitionStatus(
        stream.name, partition, int(row["position"]), mark.end, float(row["messages_per_s"]),
        stored_at if was_stored else None,
    )  # fmt: skip


def freshness(database: Database, clock: Clock, minutes: float) -> list[StreamLag]:
    """Event → queryable over the heartbeats of the last `minutes`, for every stream.

    Measured from `sent_at`, taken just before the heartbeat is given to the producer, to the moment at which ClickHouse
    wrote down that every message of its claim had been counted in the tables. A reader sees the rows a little earlier,
    when their insert ends, so this is an upper bound. The sender's clock and ClickHouse's must agree. Heartbeats whose
    claim is still open are not counted: when everything stands still the last one grows old instead.
    """
    now = clock.now()
    rows = database.rows("ops/freshness", since=now - timedelta(minutes=minutes), until=now)
    known = {row["stream"]: row for row in rows}
    return [_stream_lag(name, known.get(name)) for name in STREAMS]


def _stream_lag(stream: str, row: Row | None) -> StreamLag:
    if row is None:
        return StreamLag(stream, 0, None, None, None, None, None)
    return StreamLag(
        stream, int(row["heartbeats"]), row["p50_s"], row["p99_s"], row["p999_s"], row["max_s"],
        _utc(row["last_sent_at"]),
    )  # fmt: skip


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
