-- At most one row: the last plan, and whether its messages are known to be in Kafka.
SELECT r.plan AS plan, r.plan_id AS plan_id, r.plan_id IN (SELECT plan_id FROM ops.replays_done) AS done
FROM ops.replays AS r
ORDER BY r.plan DESC, r.generation
LIMIT 1
