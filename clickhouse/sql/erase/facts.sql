-- One row: facts of the person.
SELECT count() AS rows
FROM analytics.fact_events
WHERE click_id IN (SELECT toUUID(value) FROM ops.{keys:Identifier} WHERE plan = {plan:UInt64} AND kind = 'click')
