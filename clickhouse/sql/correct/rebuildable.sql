-- One row per day between {first_day} and {last_day} with facts or staged events: its facts, and whether it is retired.
SELECT day, sum(facts) AS rows, day IN (SELECT day FROM ops.closed_days) AS is_closed
FROM
(
    SELECT toDate(partition) AS day, sum(rows) AS facts
    FROM system.parts
    WHERE active AND database = 'analytics' AND table = 'fact_events'
    GROUP BY day
    UNION ALL
    SELECT DISTINCT toDate(event_timestamp) AS day, 0
    FROM analytics.events_browser_raw
    UNION ALL
    SELECT day, 0 FROM ops.closed_days
)
WHERE day BETWEEN {first_day:Date} AND {last_day:Date}
GROUP BY day
ORDER BY day
