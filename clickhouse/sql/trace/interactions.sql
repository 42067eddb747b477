-- One row per interaction of the id.
SELECT event_timestamp, event_type, element_id, page_url_path, created_at, build
FROM analytics.fact_interactions
WHERE event_id = {event:UUID}
LIMIT 5
