"""Keep the warehouse tidy and quick: merge crowded days, count days that are over, and clear staging that is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import randbits

from headwater.contracts.streams import STREAMS
from headwater.ports import Clock, Database

STAGING_KEPT = timedelta(days=7)
# Longer than a count takes: until then another run may still keep it.
_COUNTING = timedelta(hours=1)
_CHANCE_BITS = 20
_DERIVED = ("fact_events", "agg_events_hourly", "agg_traffic_sources", "visit_hours", "visit_days")


@dataclass(slots=True)
class Cleared:
    """Rows of days that left the staging tables, in all and by table."""

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


def count_leading_days(database: Database, clock: Clock, budget_s: float = 60.0) -> int:
    """Count the views that led to purchases on days that are over, newest first, for at most about `budget_s`.

    Returns the days that were counted. A count holds what purchases before today followed, and is used while these and
    the day's views stay as they were; killed or done twice, it changes nothing.
    """
    started = clock.now()
    counted = 0
    for row in database.rows("build/uncounted_days", until=started.date() - timedelta(days=1)):
        if (clock.now() - started).total_seconds() > budget_s:
            break
        database.run("build/count_leading", day=row["day"], print=row["print"])
        if row["is_stale"]:
            database.run("build/drop_stale_leading", day=row["day"], print=row["print"])
        counted += 1
    return counted


def count_session_days(database: Database, clock: Clock, budget_s: float = 60.0) -> int:
    """Put the sessions of days that are over together, newest first, for at most about `budget_s`.

    Returns the days that were counted. A count is used as long as the half hours that it was made of stay as they were,
    and only when all of it is there; killed or done twice, it changes nothing.
    """
    started = clock.now()
    counted = 0
    for row in database.rows("build/uncounted_sessions", until=started.date() - timedelta(days=1)):
        now = clock.now()
        if (now - started).total_seconds() > budget_s:
            break
        count_id = _count_id(now) + randbits(_CHANCE_BITS)
        day, print_ = row["day"], row["print"]
        database.run("build/count_sessions", token=f"sessions/{count_id}", day=day, count_id=count_id)
        database.run("build/keep_sessions", day=day, print=print_, count_id=count_id)
        # Books first: a count that is booked has its rows.
        database.run("build/drop_stale_counts", day=day, print=print_)
        database.run("build/drop_stale_sessions", day=day, before=_count_id(now - _COUNTING))
        counted += 1
    return counted


def _count_id(at: datetime) -> int:
    """The least id of a count that begins `at`: ids are in the order of their times."""
    return int(at.timestamp() * 1000) << _CHANCE_BITS


def clear_staging(database: Database, clock: Clock) -> Cleared:
    """Drop whole days of staging that were ingested over `STAGING_KEPT` ago and are built; what waits stays."""
    cleared = Cleared()
    for stream in STREAMS.values():
        for row in database.rows("build/clearable", staging=stream.staging_name, before=clock.now() - STAGING_KEPT):
            database.run("build/clear_day", staging=stream.staging_name, day=row["day"])
            cleared.rows += int(row["rows"])
            cleared.tables[stream.staging_table] = cleared.tables.get(stream.staging_table, 0) + int(row["rows"])
    return cleared
