-- One row per interaction that stands twice in the facts.
-- severity: fail
-- table: analytics.fact_interactions
-- help: Heat maps count this interaction twice. Look at the plans that brought the rows.
SELECT event_id, count() AS rows, groupArray(build) AS plans
FROM analytics.fact_interactions
GROUP BY event_id
HAVING rows > 1
LIMIT 100
