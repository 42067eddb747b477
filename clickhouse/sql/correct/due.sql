-- One row per day whose facts can get parts that came after its last correction: how many, and the facts of the day.
WITH corrected AS
(
    SELECT day, max(p.plan) AS plan, argMax(p.as_of, p.plan) AS began_at, argMax(d.done_at, p.plan) AS ended_at
    FROM ops.plans AS p
    INNER JOIN ops.plans_done AS d ON d.plan = p.plan
    ARRAY JOIN p.days AS day
    WHERE p.kind IN ('correct', 'rebuild')
    GROUP BY day
)
SELECT a.day AS day, a.events AS events, s.rows AS rows
FROM
(
    SELECT r.day AS day, sum(r.events) AS events
    FROM ops.arrivals AS r
    LEFT JOIN corrected AS c ON c.day = r.day
    WHERE r.events > 0 AND r.plan > c.plan
      AND r.day NOT IN (SELECT day FROM ops.closed_days)
      -- a day that takes long to correct is left alone for ten times as long, an hour at most
      AND (c.plan = 0 OR dateDiff('millisecond', c.ended_at, {as_of:DateTime64(3, 'UTC')})
          >= least(10 * dateDiff('millisecond', c.began_at, c.ended_at), 3600000))
    GROUP BY day
) AS a
LEFT JOIN
(
    SELECT toDate(partition) AS day, sum(rows) AS rows
    FROM system.parts
    WHERE active AND database = 'analytics' AND table = 'fact_events'
    GROUP BY day
) AS s ON s.day = a.day
ORDER BY day
SETTINGS join_use_nulls = 0
