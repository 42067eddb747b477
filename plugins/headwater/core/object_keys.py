"""Keys of objects: `year=YYYY/month=MM/day=DD/hour=HH/<stream>_events.jsonl[.zip|.gz|.zst]` below a prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from headwater.contracts.streams import FACT_STREAMS
from headwater.errors import FixSettings

_KEY = re.compile(
    r"year=(\d{4})/month=(\d\d?)/day=(\d\d?)/hour=(\d\d?)/"
    rf"(?P<stream>{'|'.join(FACT_STREAMS)})_events\.jsonl(?P<suffix>\.zip|\.gz|\.zst)?"
)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a bucket."""

    key: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class EventObject:
    """An object that holds events of one stream and hour."""

    stored: StoredObject
    hour: datetime
    stream: str
    suffix: str


def object_key(hour: datetime, stream: str, suffix: str = ".zip", prefix: str = "") -> str:
    """The key of the events of a stream in an hour (aware)."""
    at = hour.astimezone(UTC)
    return f"{folder(prefix)}year={at:%Y}/month={at:%m}/day={at:%d}/hour={at:%H}/{stream}_events.jsonl{suffix}"


def address(bucket: str, key: str) -> str:
    """Where an object is, as it stands in the headers of its messages."""
    return f"s3://{bucket}/{key}"


def folder(prefix: str) -> str:
    """A prefix that ends with a slash, unless it is empty."""
    return f"{prefix.strip('/')}/" if prefix.strip("/") else ""


def day_prefixes(prefix: str, start: datetime, end: datetime) -> Iterator[str]:
    """Beginnings of the keys of every day of [start, end)."""
    day = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        yield f"{folder(prefix)}year={day:%Y}/month={day:%m}/day={day:%d}/"
        day += timedelta(days=1)


def read_key(stored: StoredObject, prefix: str) -> EventObject | None:
    """What the key says; None when it is not one of events."""
    found = _KEY.fullmatch(stored.key.removeprefix(folder(prefix)))
    if found is None:
        return None
    try:
        hour = datetime(*map(int, found.groups()[:4]), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    return EventObject(stored, hour, found["stream"], found["suffix"] or "")


def hours_of(first: str, last: str) -> tuple[datetime, datetime]:
    """The range from `first` up to `last`, texts like 2026-01-31 or 2026-01-31T08:00, UTC.

    A last day counts in whole, an hour does not; without `last` the range is the day or the hour of `first`. Raises
    `FixSettings` for what is no time.
    """
    start, until = _time(first), _time(last or first)
    if len(last or first) == len("2026-01-31"):
        until += timedelta(days=1)
    elif not last:
        until += timedelta(hours=1)
    return start, until


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise FixSettings(f"There is no time {text!r}. Write 2026-01-31 or 2026-01-31T08:00, in UTC.") from None


def demand_streams(names: Sequence[str]) -> list[str]:
    """The streams, all where none is named. Raises `FixSettings` for one that objects cannot hold."""
    unknown = [name for name in names if name not in FACT_STREAMS]
    if unknown:
        raise FixSettings(f"There are no objects of {', '.join(unknown)}. Streams: {', '.join(FACT_STREAMS)}.")
    return list(dict.fromkeys(names)) or list(FACT_STREAMS)
