-- One row per day that plan {plan} changes, with all facts of that day.
SELECT k.day AS day, s.rows AS rows
FROM (SELECT DISTINCT day FROM ops.corrections WHERE plan = {plan:UInt64} AND action != 'end') AS k
LEFT JOIN
(
    SELECT toDate(partition) AS day, sum(rows) AS rows
    FROM system.parts
    WHERE active AND database = 'analytics' AND table = 'fact_events'
    GROUP BY day
) AS s ON s.day = k.day
ORDER BY day
SETTINGS join_use_nulls = 0
