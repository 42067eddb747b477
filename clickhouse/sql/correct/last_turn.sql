-- At most one row: the last turn at the swaps of plan {plan}, and the attempt that has it.
SELECT turn, attempt
FROM ops.turns
WHERE plan = {plan:UInt64}
ORDER BY turn DESC
LIMIT 1
