"""Where the facts came from: files, a bucket, web pages over HTTP, or programs that write to Kafka themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from headwater.ports import Database


@dataclass(frozen=True, slots=True)
class SourceEvents:
    """The facts of one source; `origins` counts its files or objects."""

    source: str
    events: int
    origins: int
    first: datetime
    last: datetime


def source_events(database: Database) -> list[SourceEvents]:
    """One entry per source that brought facts."""
    return [
        SourceEvents(row["source"], int(row["events"]), int(row["origins"]), row["first"], row["last"])
        for row in database.rows("ops/sources")
    ]
