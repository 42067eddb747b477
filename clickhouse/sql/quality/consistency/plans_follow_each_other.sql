-- One row per plan that is missing, that is done twice, or that another began after before it was done.
-- severity: fail
-- table: ops.plans
-- help: Two plans were under way at once, or a row of the books is lost. Stop the builds and look at ops.plans and ops.plans_done.
WITH (SELECT max(plan) FROM ops.plans) AS last
SELECT p.plan AS plan, p.before AS before, d.times_done AS times_done
FROM
(
    SELECT plan, lagInFrame(plan, 1, toUInt64(plan - 1)) OVER (ORDER BY plan ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
    FROM (SELECT DISTINCT plan FROM ops.plans)
) AS p
LEFT JOIN (SELECT plan, count() AS times_done FROM ops.plans_done GROUP BY plan) AS d ON d.plan = p.plan
WHERE p.before != p.plan - 1 OR d.times_done > 1 OR (d.times_done = 0 AND p.plan < last)
LIMIT 100
