-- One row per work sheet and waiting set that no plan needs any more.
SELECT DISTINCT 'matched' AS sheet, plan FROM ops.matched WHERE plan + 1 < {plan:UInt64}
UNION ALL
SELECT DISTINCT 'waiting' AS sheet, plan FROM ops.waiting WHERE plan + 1 < {plan:UInt64}
UNION ALL
SELECT DISTINCT 'corrections' AS sheet, plan FROM ops.corrections WHERE plan + 1 < {plan:UInt64}
UNION ALL
SELECT DISTINCT 'known_visits' AS sheet, plan FROM ops.known_visits WHERE plan + 1 < {plan:UInt64}
UNION ALL
SELECT DISTINCT 'kept_out' AS sheet, plan FROM ops.kept_out WHERE plan + 1 < {plan:UInt64}
UNION ALL
SELECT DISTINCT 'erasure_keys' AS sheet, plan FROM ops.erasure_keys WHERE plan < {plan:UInt64}
