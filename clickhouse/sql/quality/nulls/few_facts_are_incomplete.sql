-- One row when over a tenth of the facts of the last day were built without all their parts.
-- severity: warn
-- table: analytics.fact_events
-- help: A stream of parts is late or missing. Look at its topic: `headwater status`, and at the dead letters by reason.
SELECT countIf(NOT is_complete) AS incomplete, count() AS facts
FROM analytics.fact_events
WHERE created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
HAVING incomplete > 0.1 * facts
LIMIT 100
