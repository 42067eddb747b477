-- One row per event that plan {plan} builds, of one slice of days and ids.
INSERT INTO analytics.fact_events
(
    event_id, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent,
    os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id,
    geo_latitude, geo_longitude, geo_country, geo_timezone, geo_region_name, ip_address,
    page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign,
    geo_id, created_at, build, is_complete, source_object, content_hash, location_object
)
SELECT
    event_id, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent,
    os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, if(has_device, user_domain_id, NULL),
    geo_latitude, geo_longitude, geo_country, geo_timezone, geo_region_name, ip_address,
    page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign,
    if(has_geo,
        cityHash64(geo_country, geo_region_name, ifNull(toString(geo_latitude), ''), ifNull(toString(geo_longitude), ''), geo_timezone),
        NULL),
    (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1),
    plan,
    has_location AND has_device AND has_geo,
    origin,
    content_hash,
    location_object
FROM ops.matched
WHERE plan = {plan:UInt64} AND action = 'fact'
  AND toDate(event_timestamp) BETWEEN {first_day:Date} AND {last_day:Date}
  AND cityHash64(event_id) % {pieces:UInt64} = {piece:UInt64}
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64}) -- a builder that was overtaken must not bring back what a correction took out
ORDER BY toStartOfHour(event_timestamp), event_id -- one sorted stream: the token of an insert counts the chunks that it is read in; the order of the table is the cheapest
SETTINGS max_threads = 1, optimize_read_in_order = 0
