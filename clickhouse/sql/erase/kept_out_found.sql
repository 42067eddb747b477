-- One row: whether the sheet of what plan {plan} keeps out stands, and the clicks on it.
SELECT countIf(is_end) AS ends, countIf(NOT is_end) AS clicks FROM ops.kept_out WHERE plan = {plan:UInt64}
