-- One row per recent plan that added another number of facts than its books say, less those that corrections and erasures took out.
-- severity: fail
-- table: analytics.fact_events
-- help: Facts were added or removed behind the build's back, or an insert was lost in a crash.
SELECT d.plan AS plan, d.facts AS booked, r.removed AS removed, e.erased AS erased, countIf(f.build > 0) AS facts
FROM ops.plans_done AS d
LEFT JOIN (SELECT build, count() AS removed FROM ops.quarantine WHERE build > 0 GROUP BY build) AS r ON r.build = d.plan
LEFT JOIN (SELECT build, sum(rows) AS erased FROM ops.erasures WHERE build > 0 GROUP BY build) AS e ON e.build = d.plan
LEFT JOIN (SELECT build FROM analytics.fact_events WHERE created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY) AS f ON f.build = d.plan
WHERE d.plan IN (SELECT plan FROM ops.plans WHERE as_of >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY)
  AND NOT exists(SELECT plan FROM ops.plans WHERE kind != 'build' AND plan NOT IN (SELECT plan FROM ops.plans_done))
GROUP BY plan, booked, removed, erased
HAVING facts + removed + erased != booked
LIMIT 100
