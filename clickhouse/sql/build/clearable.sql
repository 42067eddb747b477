-- One row per day of a staging table that may go: ingested before {before}, built in whole, and nothing of it waits.
WITH
    (SELECT max(plan) FROM ops.plans_done) AS last_done,
    (
        SELECT ifNull(minOrNull(toDate(ingested_at)), toDate('2149-06-06'))
        FROM ops.waiting
        WHERE plan = last_done AND kind = 'event'
    ) AS first_waiting_day,
    planned AS
    (
        SELECT r.1 AS topic, r.2 AS epoch, r.3 AS partition, max(r.5) AS planned_to
        FROM ops.plans
        ARRAY JOIN ranges AS r
        WHERE plan <= last_done
        GROUP BY topic, epoch, partition
    )
SELECT toDate(s.ingested_at) AS day, count() AS rows
FROM analytics.{staging:Identifier} AS s
LEFT JOIN planned AS p ON p.topic = s.topic AND p.epoch = s.epoch AND p.partition = s.partition
WHERE toDate(s.ingested_at) < toDate({before:DateTime64(3, 'UTC')}) AND toDate(s.ingested_at) < first_waiting_day
GROUP BY day
HAVING countIf(s.offset >= p.planned_to) = 0
ORDER BY day
