-- One row per stored claim that no plan has taken yet, in the order of its offsets.
WITH planned AS
(
    SELECT r.1 AS topic, r.2 AS epoch, r.3 AS partition, max(r.5) AS planned_to
    FROM ops.plans
    ARRAY JOIN ranges AS r
    GROUP BY topic, epoch, partition
)
SELECT
    s.topic AS topic, s.epoch AS epoch, s.partition AS partition, s.from_offset AS from_offset, s.to_offset AS to_offset,
    s.staged AS staged, p.planned_to AS planned_to, c.ingested_at AS ingested_at
FROM ops.stored AS s
LEFT JOIN planned AS p USING (topic, epoch, partition)
INNER JOIN ops.claims AS c ON c.claim_id = s.claim_id
WHERE s.from_offset >= p.planned_to AND s.topic IN {topics:Array(String)}
ORDER BY topic, epoch, partition, from_offset
LIMIT 1 BY topic, epoch, partition, from_offset
