-- One row per recent plan that added another number of facts than its books say.
-- severity: fail
-- table: analytics.fact_events
-- help: Facts were added or removed behind the build's back, or an insert was lost in a crash.
SELECT d.plan AS plan, d.facts AS booked, countIf(f.build > 0) AS facts
FROM ops.plans_done AS d
LEFT JOIN (SELECT build FROM analytics.fact_events WHERE created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY) AS f ON f.build = d.plan
WHERE d.plan IN (SELECT plan FROM ops.plans WHERE as_of >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY)
GROUP BY plan, booked
HAVING facts != booked
LIMIT 100
