-- One row per build number of recent facts that no plan has.
-- severity: fail
-- table: analytics.fact_events
-- help: Somebody wrote facts without a plan. Find who has the writer's password.
SELECT build, count() AS facts
FROM analytics.fact_events
WHERE created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY AND build NOT IN (SELECT plan FROM ops.plans)
GROUP BY build
LIMIT 100
