-- One row per day of facts of which the newest was created before {before}.
SELECT toDate(event_timestamp) AS day, count() AS facts
FROM analytics.fact_events
WHERE toDate(event_timestamp) <= toDate({before:DateTime64(3, 'UTC')}) + 1
GROUP BY day
HAVING max(created_at) < {before:DateTime64(3, 'UTC')}
ORDER BY day
LIMIT 50
