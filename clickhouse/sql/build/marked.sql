-- One row: whether the server has run without a stop since before the build was claimed.
SELECT count() > 0 AS is_marked FROM ops.marks WHERE plan_id = {plan_id:UUID}
