-- One row per dead letter that a plan took, with its bytes as hex where they are still there.
SELECT
    r.plan_id AS plan_id, r.policy AS policy, r.stream AS stream, r.topic AS topic, r.epoch AS epoch,
    r.partition AS partition, r.offset AS offset, r.reason AS reason, r.field AS field, r.outcome AS outcome,
    r.detail AS detail, d.raw_hex AS raw_hex, d.found = 1 AS is_there
FROM
(
    SELECT *
    FROM ops.replays
    WHERE plan = {plan:UInt64}
      AND generation = (SELECT min(generation) FROM ops.replays WHERE plan = {plan:UInt64})
) AS r
LEFT JOIN
(
    SELECT topic, epoch, partition, offset, hex(raw) AS raw_hex, 1 AS found
    FROM ops.dead_letters
    WHERE (topic, epoch, partition, offset) IN
        (SELECT topic, epoch, partition, offset FROM ops.replays WHERE plan = {plan:UInt64})
    LIMIT 1 BY topic, epoch, partition, offset
) AS d ON d.topic = r.topic AND d.epoch = r.epoch AND d.partition = r.partition AND d.offset = r.offset
ORDER BY topic, epoch, partition, offset
SETTINGS join_use_nulls = 0
