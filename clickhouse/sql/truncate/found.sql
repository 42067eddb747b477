-- One row per place and, for facts and the quarantine, plan that had built them: rows that go; staging and what belongs to it where all goes.
SELECT place, build, rows
FROM
(
    SELECT 'analytics.fact_events' AS place, build, count() AS rows FROM analytics.fact_events GROUP BY build
    UNION ALL SELECT 'ops.quarantine', build, count() FROM ops.quarantine GROUP BY build
    UNION ALL SELECT 'analytics.fact_interactions', 0, count() FROM analytics.fact_interactions
    UNION ALL SELECT 'ops.waiting', 0, count() FROM ops.waiting WHERE plan = {before:UInt64} AND kind != 'end'
    UNION ALL SELECT 'ops.visits', 0, count() FROM ops.visits
    UNION ALL SELECT 'ops.closed_days', 0, count() FROM ops.closed_days
    UNION ALL SELECT 'analytics.events_browser_raw', 0, count() FROM analytics.events_browser_raw WHERE {everything:Bool}
    UNION ALL SELECT 'analytics.events_device_raw', 0, count() FROM analytics.events_device_raw WHERE {everything:Bool}
    UNION ALL SELECT 'analytics.events_geo_raw', 0, count() FROM analytics.events_geo_raw WHERE {everything:Bool}
    UNION ALL SELECT 'analytics.events_location_raw', 0, count() FROM analytics.events_location_raw WHERE {everything:Bool}
    UNION ALL SELECT 'analytics.events_interaction_raw', 0, count() FROM analytics.events_interaction_raw WHERE {everything:Bool}
    UNION ALL SELECT 'ops.dead_letters', 0, count() FROM ops.dead_letters WHERE {everything:Bool} AND topic IN {topics:Array(String)}
    UNION ALL SELECT 'ops.rejects', 0, count() FROM ops.rejects WHERE {everything:Bool} AND stream IN {streams:Array(String)}
    UNION ALL SELECT 'ops.loaded_objects', 0, count() FROM ops.loaded_objects WHERE {everything:Bool}
)
WHERE rows > 0
ORDER BY place, build
