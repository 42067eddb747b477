-- One row per staged event with its parts: the join that people write by hand, without tokens, waiting or conflicts.
INSERT INTO bench.target
(
    event_id, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent,
    os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id,
    geo_latitude, geo_longitude, geo_country, geo_timezone, geo_region_name, ip_address,
    page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign,
    geo_id, created_at, build, is_complete, source_object, content_hash
)
SELECT
    b.event_id, b.event_timestamp, b.event_type, b.click_id, b.browser_name, b.browser_language, b.browser_user_agent,
    d.os, d.os_name, d.os_timezone, d.device_type, d.device_is_mobile, d.user_custom_id, d.user_domain_id,
    g.geo_latitude, g.geo_longitude, g.geo_country, g.geo_timezone, g.geo_region_name, g.ip_address,
    l.page_url, l.page_url_path, l.referer_url, l.referer_medium, l.utm_medium, l.utm_source, l.utm_content, l.utm_campaign,
    cityHash64(g.geo_country, g.geo_region_name, ifNull(toString(g.geo_latitude), ''), ifNull(toString(g.geo_longitude), ''), g.geo_timezone),
    now64(3), 0, true, '', sipHash64(b.event_timestamp, b.event_type, b.click_id, b.browser_name, b.browser_language, b.browser_user_agent)
FROM (SELECT * FROM analytics.events_browser_raw LIMIT 1 BY event_id) AS b
LEFT JOIN (SELECT * FROM analytics.events_location_raw LIMIT 1 BY event_id) AS l ON l.event_id = b.event_id
LEFT JOIN (SELECT * FROM analytics.events_device_raw LIMIT 1 BY click_id) AS d ON d.click_id = b.click_id
LEFT JOIN (SELECT * FROM analytics.events_geo_raw LIMIT 1 BY click_id) AS g ON g.click_id = b.click_id
SETTINGS max_partitions_per_insert_block = 0
