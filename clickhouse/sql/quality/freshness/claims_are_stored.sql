-- One row per claim that has been open for over ten minutes.
-- severity: fail
-- table: ops.claims
-- help: A consumer died and none has come after it. Run `headwater run streaming_to_clickhouse`: it finishes open claims first.
SELECT topic, partition, from_offset, to_offset, ingested_at
FROM ops.claims
WHERE claim_id NOT IN (SELECT claim_id FROM ops.stored)
  AND ingested_at < {as_of:DateTime64(3, 'UTC')} - INTERVAL 10 MINUTE
  AND (topic, epoch, partition, from_offset) NOT IN (SELECT topic, epoch, partition, from_offset FROM ops.stored)
LIMIT 100
