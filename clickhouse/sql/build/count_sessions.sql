-- One row per session of {day}; they are of a count that is read once it is kept.
INSERT INTO ops.counted_sessions
(
    started_hour, count_id, sessions, duration_s, event_count, page_count, utm_source, utm_campaign, geo_country, device_type
)
SELECT
    toStartOfHour(started_at), {count_id:UInt64}, count() OVER (), duration_s, events, pages, utm_source, utm_campaign,
    geo_country, device_type
FROM analytics.sessions
WHERE started_at >= toDateTime({day:Date}, 'UTC') AND started_at < toDateTime({day:Date}, 'UTC') + INTERVAL 1 DAY
ORDER BY cityHash64(session_id) -- no table is sorted by it
SETTINGS max_threads = 1, enable_join_runtime_filters_index_analysis = 1
