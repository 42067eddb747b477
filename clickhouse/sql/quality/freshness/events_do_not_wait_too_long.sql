-- One row per day of ingestion with events that still wait a day later.
-- severity: warn
-- table: ops.waiting
-- help: The grace of these events is long over: the build has stopped. Run `headwater run build_dwh_layer`.
SELECT toDate(ingested_at) AS day, count() AS events, min(ingested_at) AS oldest
FROM ops.waiting
WHERE kind = 'event' AND plan = (SELECT max(plan) FROM ops.plans_done)
  AND ingested_at < {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
GROUP BY day
LIMIT 100
