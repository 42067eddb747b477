-- One row per partition with events that were staged over an hour ago and not taken, while builds stand still or take later ones.
-- severity: fail
-- table: analytics.fact_events
-- help: No plan was finished for an hour, or the partition is left behind by six hours. A backlog that builds work off is none. Run `headwater run build_dwh_layer` and look at its log.
WITH
    (SELECT max(done_at) FROM ops.plans_done) AS built_at,
    planned AS
    (
        SELECT r.1 AS topic, r.2 AS epoch, r.3 AS partition, max(r.5) AS planned_to
        FROM ops.plans
        ARRAY JOIN ranges AS r
        GROUP BY topic, epoch, partition
    ),
    claims AS
    (
        SELECT c.topic AS topic, c.partition AS partition, c.ingested_at AS ingested_at, c.from_offset < p.planned_to AS is_taken
        FROM ops.claims AS c
        LEFT JOIN planned AS p ON p.topic = c.topic AND p.epoch = c.epoch AND p.partition = c.partition
        WHERE c.topic != 'aggregation_clicks' -- they are no part of the facts
    ),
    taken AS (SELECT topic, max(ingested_at) AS newest FROM claims WHERE is_taken GROUP BY topic)
SELECT c.topic AS topic, c.partition AS partition, count() AS claims, min(c.ingested_at) AS oldest
FROM claims AS c
LEFT JOIN taken AS t ON t.topic = c.topic
WHERE NOT c.is_taken AND c.ingested_at < {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR
  AND (built_at < {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR OR t.newest > c.ingested_at + INTERVAL 6 HOUR)
GROUP BY topic, partition
LIMIT 100
