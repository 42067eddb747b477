-- One row per dead letter of a selection that no plan has taken, its bytes as hex.
-- In the order of topics and offsets, as many as fit into the limits, at least one.
WITH picked AS
(
    SELECT d.topic AS topic, d.epoch AS epoch, d.partition AS partition, d.offset AS offset, length(d.raw) AS size
    FROM ops.dead_letters AS d
    WHERE d.ingested_at <= {before:DateTime64(3, 'UTC')}
  AND (empty({streams:Array(String)}) OR has({streams:Array(String)}, d.stream))
  AND (empty({reasons:Array(String)}) OR has({reasons:Array(String)}, d.reason))
  AND (empty({fields:Array(String)}) OR has({fields:Array(String)}, d.field))
  AND d.kafka_time >= {since:DateTime64(3, 'UTC')} AND d.kafka_time < {until:DateTime64(3, 'UTC')}
  AND (empty({ids:Array(String)})
       OR has({ids:Array(String)}, concat(d.topic, '/', toString(d.partition), '/', toString(d.offset)))
       OR has({ids:Array(String)}, concat(d.topic, '/', toString(d.epoch), '/', toString(d.partition), '/', toString(d.offset))))
  AND (empty({origins:Array(String)})
       OR has({origins:Array(String)}, d.origin)
       OR has({origins:Array(String)}, concat(d.origin, ':', toString(d.origin_line))))
  AND ({failed_again:Bool} OR NOT startsWith(d.origin, 'replay of '))
      AND (d.topic, d.epoch, d.partition, d.offset) NOT IN (SELECT topic, epoch, partition, offset FROM ops.replays)
    ORDER BY topic, epoch, partition, offset
    LIMIT {rows:UInt32}
)
SELECT stream, topic, epoch, partition, offset, hex(raw) AS raw_hex, reason, field
FROM ops.dead_letters
WHERE (topic, epoch, partition, offset) IN
(
    SELECT topic, epoch, partition, offset
    FROM
    (
        SELECT
            topic, epoch, partition, offset,
            sum(size) OVER sizes AS size_with_earlier, count() OVER sizes AS number
        FROM picked
        WINDOW sizes AS (ORDER BY topic, epoch, partition, offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
    WHERE number = 1 OR size_with_earlier <= {size_bytes:UInt64}
)
ORDER BY topic, epoch, partition, offset
