-- At most a few rows: the fact of an event id; {day} narrows the look where the time is known (else 1970-01-01: all days).
SELECT
    event_timestamp, event_type, click_id, browser_name, device_type, geo_country, utm_source, utm_medium, utm_campaign, utm_content,
    referer_medium, page_url_path, created_at, build, is_complete, source_object, user_custom_id, ip_address
FROM analytics.fact_events
WHERE event_id = {event:UUID}
  AND ({day:Date} = toDate(0) OR toDate(event_timestamp) = {day:Date})
ORDER BY event_timestamp
LIMIT 5
