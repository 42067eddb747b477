-- One row per replay that took a message: what it decided, and when it was done.
SELECT r.plan AS replay, r.outcome AS outcome, r.policy AS policy, r.planned_at AS planned_at, d.done_at AS done_at
FROM ops.replays AS r
LEFT JOIN (SELECT plan, toNullable(max(done_at)) AS done_at FROM ops.replays_done GROUP BY plan) AS d ON d.plan = r.plan
WHERE r.topic = {topic:String} AND r.epoch = {epoch:UUID} AND r.partition = {partition:UInt32} AND r.offset = {offset:UInt64}
ORDER BY replay
LIMIT 20
SETTINGS join_use_nulls = 1
