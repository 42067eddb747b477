-- One row per retired day that facts stand on.
-- severity: fail
-- table: ops.closed_days
-- help: Somebody wrote facts for a day whose aggregates are final. They are counted in no aggregate of that day's books; find out who, and remove them.
SELECT toDate(event_timestamp) AS day, count() AS facts
FROM analytics.fact_events
WHERE toDate(event_timestamp) IN (SELECT day FROM ops.closed_days WHERE plan IN (SELECT plan FROM ops.plans_done))
GROUP BY day
LIMIT 100
