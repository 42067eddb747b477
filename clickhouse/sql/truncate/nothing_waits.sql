-- The waiting set after plan {plan}: only the row that closes it.
INSERT INTO ops.waiting (plan, kind)
SELECT {plan:UInt64}, 'end'
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
