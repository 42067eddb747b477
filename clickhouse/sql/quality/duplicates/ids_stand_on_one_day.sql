-- One row per event id of the last day's facts that stands on another day too.
-- severity: warn
-- table: analytics.fact_events
-- help: A producer sent an event again with another time. The next build keeps the first and books the others in ops.quarantine; `headwater correct --duplicates` does it now.
SELECT event_id, groupUniqArray(toDate(event_timestamp)) AS days, groupUniqArray(build) AS builds
FROM analytics.fact_events
WHERE event_id IN (SELECT event_id FROM analytics.fact_events WHERE created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY)
GROUP BY event_id
HAVING length(days) > 1
LIMIT 100
