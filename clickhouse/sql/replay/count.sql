-- One row per stream, reason and field of a selection: dead letters that a replay would take, and those taken before.
SELECT
    d.stream AS stream, d.reason AS reason, d.field AS field,
    countIf(NOT taken) AS waiting, countIf(taken) AS replayed,
    min(d.kafka_time) AS first_at, max(d.kafka_time) AS last_at
FROM
(
    SELECT *, (topic, epoch, partition, offset) IN (SELECT topic, epoch, partition, offset FROM ops.replays) AS taken
    FROM ops.dead_letters
) AS d
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
GROUP BY stream, reason, field
ORDER BY stream, waiting DESC, reason, field
