-- One row per claim of the last three days whose rows are not in the tables, or stand there twice.
-- severity: fail
-- table: ops.claims
-- help: Invariant I1 is broken for this range. Run `headwater run streaming_to_clickhouse`; if the row stays, keep the tables and look at the range in Kafka.
SELECT s.topic AS topic, s.partition AS partition, s.from_offset AS from_offset, s.to_offset AS to_offset, s.messages AS messages,
    s.staged AS staged, s.dead_letters AS dead_letters, s.heartbeats AS heartbeats, s.lost AS lost
FROM ops.stored AS s
WHERE s.stored_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 3 DAY
  AND s.messages > 0 AND s.messages != s.staged + s.dead_letters + s.heartbeats + s.lost
LIMIT 100
