-- One row per fact of {days} as build {plan} leaves them: those of other builds, and those of its work sheet.
INSERT INTO ops.{shadow:Identifier}
SELECT *
FROM analytics.fact_events
WHERE toDate(event_timestamp) IN {days:Array(Date)} AND build != {plan:UInt64}
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64})
UNION ALL
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
WHERE plan = {plan:UInt64} AND action = 'fact' AND toDate(event_timestamp) IN {days:Array(Date)}
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64})
SETTINGS min_insert_block_size_rows = 1000000, max_block_size = 65536
