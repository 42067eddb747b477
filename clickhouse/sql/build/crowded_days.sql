-- One row per day of the facts that recent plans touched and that has many parts.
SELECT toDate(event_timestamp) AS day, uniqExact(_part) AS parts
FROM analytics.fact_events
WHERE toDate(event_timestamp) IN
(
    SELECT toDate(event_timestamp) FROM analytics.fact_events WHERE created_at >= {since:DateTime64(3, 'UTC')}
)
GROUP BY day
HAVING parts > 8
ORDER BY parts DESC
LIMIT 50
