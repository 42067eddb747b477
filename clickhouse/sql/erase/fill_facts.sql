-- One row per fact of {days} that is not of the person whom plan {plan} erases; nothing once the plan is done.
INSERT INTO ops.{shadow:Identifier}
SELECT *
FROM analytics.fact_events
WHERE toDate(event_timestamp) IN {days:Array(Date)}
  AND click_id NOT IN (SELECT toUUID(value) FROM ops.{sheet:Identifier} WHERE plan = {plan:UInt64} AND kind = 'click')
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
SETTINGS min_insert_block_size_rows = 1000000, max_block_size = 65536
