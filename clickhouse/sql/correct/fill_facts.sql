-- One row per fact of {days} as {plan} leaves them; nothing once the plan is done.
INSERT INTO ops.{shadow:Identifier}
SELECT *
FROM analytics.fact_events
WHERE toDate(event_timestamp) IN {days:Array(Date)}
  AND (build, event_id) NOT IN (SELECT build, event_id FROM ops.{sheet:Identifier} WHERE plan = {plan:UInt64} AND action != 'end')
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
UNION ALL
SELECT * EXCEPT (plan, action, day)
FROM ops.{sheet:Identifier}
WHERE plan = {plan:UInt64} AND action IN ('put', 'add') AND day IN {days:Array(Date)}
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
LIMIT 1 BY build, event_id
SETTINGS min_insert_block_size_rows = 1000000, max_block_size = 65536
