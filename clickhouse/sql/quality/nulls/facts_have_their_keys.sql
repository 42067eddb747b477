-- One row per recent fact without an id, a time, a type or a click_id.
-- severity: fail
-- table: analytics.fact_events
-- help: The contract demands these fields, so a fact without one was not made by the build. Find who wrote to the table.
SELECT event_id, event_timestamp, event_type, click_id
FROM analytics.fact_events
WHERE created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
  AND (event_id = toUUID('00000000-0000-0000-0000-000000000000')
    OR click_id = toUUID('00000000-0000-0000-0000-000000000000')
    OR event_type = '' OR event_timestamp < '2000-01-01 00:00:00')
LIMIT 100
