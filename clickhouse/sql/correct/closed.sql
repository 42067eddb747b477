-- One row per day that plan {plan} has booked as retired.
SELECT day, facts FROM ops.closed_days WHERE plan = {plan:UInt64}
