"""The registry of what is derived from facts day by day: a correction rebuilds each of these with the facts."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.errors import Stop

FACTS = "analytics.fact_events"


@dataclass(frozen=True, slots=True)
class DayTable:
    """A table that one materialized view fills from each block of new facts.

    The view reads nothing beside the block, and `partition` is the day of the event. So a day of the table is the
    view's SELECT over the facts of that day.
    """

    table: str
    view: str
    partition: str

    def rebuild(self, view_select: str, source: str, target: str) -> str:
        """The INSERT that fills `target` (a table like this one) with what the view makes of the facts in `source`.

        `view_select` is the view's own text (`as_select` of `system.tables`), so that both can never differ. `source`
        is a table with the columns of the facts that holds the days to rebuild. Raises `Stop` when the view does not
        read the facts exactly once and nothing else.
        """
        if view_select.count(f"FROM {FACTS}") != 1 or view_select.count("FROM ") != 1 or " JOIN " in view_select:
            raise Stop(f"The view {self.view} must read {FACTS} once and nothing else. Repair it by a migration.")
        return f"INSERT INTO {target} {view_select.replace(f'FROM {FACTS}', f'FROM {source} AS fact_events')}"


def _day_table(table: str, partition: str) -> DayTable:
    return DayTable(table, f"{table}_mv", partition)


DAY_TABLES = (
    _day_table("analytics.agg_events_hourly", "toDate(event_hour)"),
    _day_table("analytics.agg_traffic_sources", "date"),
    _day_table("ops.user_days", "date"),
    _day_table("ops.geo_days", "date"),
    _day_table("ops.browser_device_hours", "toDate(hour)"),
    _day_table("ops.source_user_hours", "toDate(hour)"),
    _day_table("ops.purchases", "toDate(hour)"),
    _day_table("ops.purchase_weeks", "toDate(purchased_at)"),
    _day_table("ops.product_views", "toDate(hour)"),
    _day_table("ops.visit_slots", "toDate(first_at)"),
    _day_table("analytics.visit_hours", "toDate(hour)"),
    _day_table("analytics.visit_days", "day"),
    _day_table("ops.visit_nights", "day"),
    _day_table("ops.incomplete", "toDate(event_timestamp)"),
)
