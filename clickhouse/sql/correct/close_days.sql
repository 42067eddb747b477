-- One row per day that plan {plan} retires: the facts that it holds.
INSERT INTO ops.closed_days
SELECT d.day, {plan:UInt64}, f.facts, (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1)
FROM (SELECT arrayJoin({days:Array(Date)}) AS day) AS d
LEFT JOIN
(
    SELECT toDate(event_timestamp) AS day, count() AS facts
    FROM analytics.fact_events
    WHERE toDate(event_timestamp) IN {days:Array(Date)}
    GROUP BY day
) AS f ON f.day = d.day
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
ORDER BY cityHash64(d.day) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1, join_use_nulls = 0
