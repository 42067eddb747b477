-- One row per day of {days} on which a fact stands twice.
SELECT toDate(event_timestamp) AS day
FROM analytics.fact_events
WHERE toDate(event_timestamp) IN {days:Array(Date)}
GROUP BY day
HAVING count() > uniqExact(build, event_id)
ORDER BY day
