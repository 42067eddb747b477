-- One row per click_id with two device rows or two geo rows.
-- severity: fail
-- table: ops.visits
-- help: Facts of this click_id would be doubled by the join. Stop the build and look at the plans that brought the rows.
SELECT click_id, part, count() AS rows, groupArray(plan) AS plans
FROM ops.visits
GROUP BY click_id, part
HAVING rows > 1
LIMIT 100
