-- One row per event id that stands twice in the facts, on the days that were touched in the last day.
-- severity: fail
-- table: analytics.fact_events
-- help: Numbers of that day are too high. Keep the table as it is and look at both rows: their builds tell how they came.
SELECT event_id, count() AS rows, groupUniqArray(build) AS builds
FROM analytics.fact_events
WHERE toDate(event_timestamp) IN
(
    SELECT toDate(event_timestamp)
    FROM analytics.fact_events
    WHERE created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
)
GROUP BY event_id
HAVING rows > 1
LIMIT 100
