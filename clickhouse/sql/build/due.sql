-- One row: the events that wait after plan {plan}, and those of them whose grace is over at {as_of}.
SELECT
    countIf(kind = 'event') AS waiting,
    countIf(kind = 'event' AND ingested_at <= {as_of:DateTime64(3, 'UTC')} - toIntervalSecond({grace_s:UInt32})) AS due
FROM ops.waiting
WHERE plan = {plan:UInt64}
