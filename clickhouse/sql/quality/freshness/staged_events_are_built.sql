-- One row per partition with events that were staged over an hour ago and that no plan has taken.
-- severity: fail
-- table: analytics.fact_events
-- help: The build does not keep up or has stopped. Run `headwater run build_dwh_layer` and look at its log.
WITH planned AS
(
    SELECT r.1 AS topic, r.2 AS epoch, r.3 AS partition, max(r.5) AS planned_to
    FROM ops.plans
    ARRAY JOIN ranges AS r
    GROUP BY topic, epoch, partition
)
SELECT c.topic AS topic, c.partition AS partition, count() AS claims, min(c.ingested_at) AS oldest
FROM ops.claims AS c
LEFT JOIN planned AS p ON p.topic = c.topic AND p.epoch = c.epoch AND p.partition = c.partition
WHERE c.from_offset >= p.planned_to AND c.ingested_at < {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR
GROUP BY topic, partition
LIMIT 100
