-- One row per fact of {days} that {plan} changes, as it will be, or that it takes out; one that closes the piece.
INSERT INTO ops.{sheet:Identifier}
WITH
    ({plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done) AND {mark:UInt32} NOT IN (SELECT build FROM ops.{sheet:Identifier} WHERE plan = {plan:UInt64} AND action = 'end')) AS is_open,
    lacking AS
    (
        SELECT *
        FROM ops.incomplete
        WHERE toDate(event_timestamp) IN {days:Array(Date)} AND cityHash64(event_id) % {pieces:UInt32} = {piece:UInt32}
    ),
    locations AS
    (
        SELECT true AS has_location, *
        FROM ops.waiting
        WHERE plan = {before:UInt64} AND kind = 'location' AND event_id IN (SELECT event_id FROM lacking WHERE lacks_location)
    ),
    devices AS
    (
        SELECT true AS has_device, *
        FROM ops.visits
        WHERE part = 'device'
          AND click_hash IN (SELECT toUInt32(cityHash64(click_id)) FROM lacking WHERE lacks_device) -- read for all visits, being small
          AND click_id IN (SELECT click_id FROM lacking WHERE lacks_device)
    ),
    geos AS
    (
        SELECT true AS has_geo, *
        FROM ops.visits
        WHERE part = 'geo'
          AND click_hash IN (SELECT toUInt32(cityHash64(click_id)) FROM lacking WHERE lacks_geo) -- read for all visits, being small
          AND click_id IN (SELECT click_id FROM lacking WHERE lacks_geo)
    ),
    doubled AS
    (
        SELECT *
        FROM
        (
            SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY created_at, build, event_timestamp) AS place
            FROM analytics.fact_events
            WHERE toDate(event_timestamp) IN {days:Array(Date)}
              AND event_id IN {ids:Array(UUID)}
              AND cityHash64(event_id) % {pieces:UInt32} = {piece:UInt32}
        )
        WHERE place > 1
    )
SELECT *
FROM
(
    SELECT
        {plan:UInt64}, 'put' AS of_action, toDate(f.event_timestamp),
        f.event_id AS of_event, f.event_timestamp, f.event_type, f.click_id, f.browser_name, f.browser_language, f.browser_user_agent,
        if(gets_device, d.os, f.os), if(gets_device, d.os_name, f.os_name), if(gets_device, d.os_timezone, f.os_timezone),
        if(gets_device, d.device_type, f.device_type), if(gets_device, d.device_is_mobile, f.device_is_mobile),
        if(gets_device, d.user_custom_id, f.user_custom_id), if(gets_device, d.user_domain_id, f.user_domain_id),
        if(gets_geo, g.geo_latitude, f.geo_latitude), if(gets_geo, g.geo_longitude, f.geo_longitude),
        if(gets_geo, g.geo_country, f.geo_country), if(gets_geo, g.geo_timezone, f.geo_timezone),
        if(gets_geo, g.geo_region_name, f.geo_region_name), if(gets_geo, g.ip_address, f.ip_address),
        if(gets_location, l.page_url, f.page_url), if(gets_location, l.page_url_path, f.page_url_path),
        if(gets_location, l.referer_url, f.referer_url), if(gets_location, l.referer_medium, f.referer_medium),
        if(gets_location, l.utm_medium, f.utm_medium), if(gets_location, l.utm_source, f.utm_source),
        if(gets_location, l.utm_content, f.utm_content), if(gets_location, l.utm_campaign, f.utm_campaign),
        if(gets_geo,
            cityHash64(g.geo_country, g.geo_region_name, ifNull(toString(g.geo_latitude), ''), ifNull(toString(g.geo_longitude), ''), g.geo_timezone),
            f.geo_id),
        f.created_at, f.build AS of_build,
        (NOT i.lacks_device OR gets_device) AND (NOT i.lacks_geo OR gets_geo) AND (NOT i.lacks_location OR gets_location),
        f.source_object, f.content_hash, if(gets_location, l.origin, f.location_object)
    FROM
    (
        SELECT *
        FROM analytics.fact_events
        WHERE toDate(event_timestamp) IN {days:Array(Date)} AND (build, event_id) IN (SELECT build, event_id FROM lacking)
    ) AS f
    INNER JOIN lacking AS i ON i.build = f.build AND i.event_id = f.event_id
    LEFT JOIN devices AS d ON d.click_id = f.click_id
    LEFT JOIN geos AS g ON g.click_id = f.click_id
    LEFT JOIN locations AS l ON l.event_id = f.event_id
    WHERE ((i.lacks_device AND d.has_device) AS gets_device)
        + ((i.lacks_geo AND g.has_geo) AS gets_geo)
        + ((i.lacks_location AND l.has_location) AS gets_location) > 0
      AND (f.build, f.event_id) NOT IN (SELECT build, event_id FROM doubled)
      AND is_open
    UNION ALL
    SELECT {plan:UInt64}, 'remove', toDate(event_timestamp), * EXCEPT (place)
    FROM doubled
    WHERE is_open
    UNION ALL
    SELECT {plan:UInt64}, 'end', toDate(0), f.* EXCEPT (one) REPLACE (toUInt64({mark:UInt32}) AS build)
    FROM (SELECT 1 AS one) AS e
    LEFT JOIN (SELECT 1 AS one, * FROM analytics.fact_events WHERE false) AS f ON f.one = e.one
    WHERE is_open
)
ORDER BY cityHash64(of_event, of_build, of_action) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1, join_use_nulls = 0
