-- One row per table of the warehouse: what it holds.
SELECT *
FROM
(
    SELECT 1 AS place, 'fact_events' AS table, count() AS rows, concat(toString(countIf(NOT is_complete)), ' incomplete') AS note FROM analytics.fact_events
    UNION ALL
    SELECT 2, 'dim_users', count(), concat(toString(sum(total_events)), ' events') FROM analytics.dim_users
    UNION ALL
    SELECT 3, 'dim_geo', count(), '' FROM analytics.dim_geo
    UNION ALL
    SELECT 4, 'agg_events_hourly', count(), concat(toString(countMerge(total_events)), ' events') FROM analytics.agg_events_hourly
    UNION ALL
    SELECT 5, 'agg_traffic_sources', count(), concat(toString(countMerge(total_events)), ' events') FROM analytics.agg_traffic_sources
    UNION ALL
    SELECT 6, 'waiting', countIf(kind = 'event'), concat(toString(countIf(kind = 'location')), ' locations wait for their event') FROM ops.waiting WHERE plan = (SELECT max(plan) FROM ops.plans_done)
    UNION ALL
    SELECT 7, 'quarantine', count(), '' FROM ops.quarantine
)
ORDER BY place
