"""Keep the warehouse tidy: merge crowded days for a bounded time, and clear staging that is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from headwater.contracts.streams import STREAMS
from headwater.ports import Clock, Database

STAGING_KEPT = timedelta(days=7)
_DERIVED = ("fact_events", "agg_events_hourly", "agg_traffic_sources", "visit_hours", "visit_days")


@dataclass(slots=True)
class Cleared:
    """Days that left the staging tables, and the rows in them."""

    days: int = 0
    rows: int = 0
    tables: dict[str, int] = field(default_factory=dict)


def optimize_tables(database: Database, clock: Clock, budget_s: float = 120.0) -> int:
    """Merge the parts of days that recent builds touched, for at most about `budget_s`; returns merged partitions."""
    started = clock.now()
    merged = 0
    for row in database.rows("build/crowded_days", since=started - timedelta(days=1)):
        for table in _DERIVED:
            if (clock.now() - started).total_seconds() > budget_s:
                return merged
            database.run("build/optimize", table=table, day=row["day"])
            merged += 1
    return merged


def clear_staging(database: Database, clock: Clock, kept: timedelta = STAGING_KEPT, dry_run: bool = False) -> Cleared:
    """Drop whole days of staging that were ingested before `kept` and are built; what waits stays."""
    cleared = Cleared()
    for stream in STREAMS.values():
        for row in database.rows("build/clearable", staging=stream.staging_name, before=clock.now() - kept):
            if not dry_run:
                database.run("build/clear_day", staging=stream.staging_name, day=row["day"])
            cleared.days += 1
            cleared.rows += int(row["rows"])
            cleared.tables[stream.staging_table] = cleared.tables.get(stream.staging_table, 0) + int(row["rows"])
    return cleared
