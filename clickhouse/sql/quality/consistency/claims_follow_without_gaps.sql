-- One row per claim of the last day that does not begin where the one before it in its partition ended.
-- severity: fail
-- table: ops.claims
-- help: Messages between two claims belong to nobody, or to two. Keep the tables and look at the range in Kafka.
SELECT topic, epoch, partition, ended_at, from_offset
FROM
(
    SELECT
        topic, epoch, partition, from_offset,
        lagInFrame(to_offset, 1, from_offset) OVER
            (PARTITION BY topic, epoch, partition ORDER BY from_offset ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS ended_at
    FROM
    (
        SELECT topic, epoch, partition, from_offset, to_offset
        FROM ops.claims
        WHERE ingested_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
        ORDER BY topic, epoch, partition, from_offset, generation
        LIMIT 1 BY topic, epoch, partition, from_offset
    )
)
WHERE from_offset != ended_at
LIMIT 100
