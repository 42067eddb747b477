-- One row per event id that stands twice in the facts, of those created since {since}: the days it stands on.
SELECT event_id, groupUniqArray(toDate(event_timestamp)) AS days
FROM analytics.fact_events
WHERE event_id IN (SELECT event_id FROM analytics.fact_events WHERE created_at >= {since:DateTime64(3, 'UTC')})
  AND toDate(event_timestamp) NOT IN (SELECT day FROM ops.closed_days)
GROUP BY event_id
HAVING count() > 1
ORDER BY min(event_timestamp), event_id
LIMIT {rows:UInt64}
