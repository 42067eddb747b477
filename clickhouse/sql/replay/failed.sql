-- One row per replayed message of a plan that became a dead letter again, in the order of offsets.
SELECT
    d.stream AS stream, d.topic AS topic, d.epoch AS epoch, d.partition AS partition, d.offset AS offset,
    d.reason AS reason, d.field AS field, d.detail AS detail, d.origin AS origin
FROM ops.dead_letters AS d
WHERE startsWith(d.origin, 'replay of ')
  AND d.origin IN
  (
      SELECT concat('replay of ', topic, '/', toString(epoch), '/', toString(partition), '/', toString(offset))
      FROM ops.replays
      WHERE plan = {plan:UInt64}
  )
ORDER BY topic, partition, offset
