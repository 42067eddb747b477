-- One row per day that plan {plan} adds facts to: how many, and how many of them stand there.
SELECT m.day AS day, m.facts AS facts, f.built AS built
FROM
(
    SELECT toDate(event_timestamp) AS day, count() AS facts
    FROM ops.matched
    WHERE plan = {plan:UInt64} AND action = 'fact'
    GROUP BY day
) AS m
LEFT JOIN
(
    SELECT toDate(event_timestamp) AS day, count() AS built
    FROM analytics.fact_events
    WHERE build = {plan:UInt64}
      AND toDate(event_timestamp) IN (SELECT toDate(event_timestamp) FROM ops.matched WHERE plan = {plan:UInt64} AND action = 'fact')
    GROUP BY day
) AS f ON f.day = m.day
ORDER BY day
