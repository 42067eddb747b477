-- One row per event of {days} that is still staged and whose fact is lost or differs from what staging gives; one that closes the piece.
INSERT INTO ops.{sheet:Identifier}
WITH
    ({plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
        AND {mark:UInt32} NOT IN (SELECT build FROM ops.{sheet:Identifier} WHERE plan = {plan:UInt64} AND action = 'end')) AS is_open,
    planned AS
    (
        SELECT r.2 AS epoch, r.3 AS partition, r.4 AS from_offset, r.5 AS to_offset, plan, as_of
        FROM ops.plans
        ARRAY JOIN ranges AS r
        WHERE r.1 = 'browser_events' AND plan IN (SELECT plan FROM ops.plans_done)
    ),
    events AS
    (
        SELECT
            s.event_id AS event_id, s.event_timestamp AS event_timestamp, s.event_type AS event_type, s.click_id AS click_id,
            s.browser_name AS browser_name, s.browser_language AS browser_language, s.browser_user_agent AS browser_user_agent,
            s.origin AS origin, p.plan AS built_by, p.as_of AS built_at,
            sipHash64(s.event_timestamp, s.event_type, s.click_id, s.browser_name, s.browser_language, s.browser_user_agent) AS content_hash
        FROM
        (
            SELECT *
            FROM analytics.events_browser_raw
            WHERE toDate(event_timestamp) IN {days:Array(Date)}
              AND toDate(event_timestamp) NOT IN (SELECT day FROM ops.closed_days)
              AND cityHash64(event_id) % {pieces:UInt32} = {piece:UInt32}
              AND (epoch, partition, offset) NOT IN (SELECT epoch, partition, offset FROM ops.quarantine WHERE topic = 'browser_events')
              AND (event_id, event_timestamp) NOT IN (SELECT event_id, event_timestamp FROM ops.quarantine WHERE build > 0)
              AND event_id NOT IN (SELECT event_id FROM ops.waiting WHERE plan = {before:UInt64} AND kind = 'event')
        ) AS s
        ASOF INNER JOIN planned AS p ON p.epoch = s.epoch AND p.partition = s.partition AND s.offset >= p.from_offset
        WHERE s.offset < p.to_offset
        ORDER BY s.kafka_time, s.partition, s.offset
        LIMIT 1 BY event_id
    ),
    locations AS
    (
        SELECT true AS has_location, *
        FROM
        (
            SELECT event_id, kafka_time, partition, offset, origin, page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign
            FROM analytics.events_location_raw
            UNION ALL
            SELECT event_id, kafka_time, partition, offset, origin, page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign
            FROM ops.waiting
            WHERE plan = {before:UInt64} AND kind = 'location'
        )
        WHERE event_id IN (SELECT event_id FROM events)
        ORDER BY kafka_time, partition, offset
        LIMIT 1 BY event_id
    ),
    devices AS (SELECT true AS has_device, * FROM ops.visits WHERE part = 'device' AND click_id IN (SELECT click_id FROM events)),
    geos AS (SELECT true AS has_geo, * FROM ops.visits WHERE part = 'geo' AND click_id IN (SELECT click_id FROM events)),
    facts AS (SELECT true AS is_fact, * FROM analytics.fact_events WHERE toDate(event_timestamp) IN {days:Array(Date)} AND event_id IN (SELECT event_id FROM events)),
    made AS
    (
        SELECT
            e.event_id AS event_id, e.event_timestamp AS event_timestamp, e.event_type AS event_type, e.click_id AS click_id,
            e.browser_name AS browser_name, e.browser_language AS browser_language, e.browser_user_agent AS browser_user_agent,
            if(d.has_device, d.os, f.os) AS os_, if(d.has_device, d.os_name, f.os_name) AS os_name_,
            if(d.has_device, d.os_timezone, f.os_timezone) AS os_timezone_, if(d.has_device, d.device_type, f.device_type) AS device_type_,
            if(d.has_device, d.device_is_mobile, f.device_is_mobile) AS device_is_mobile_,
            if(d.has_device, d.user_custom_id, f.user_custom_id) AS user_custom_id_, if(d.has_device, d.user_domain_id, f.user_domain_id) AS user_domain_id_,
            if(g.has_geo, g.geo_latitude, f.geo_latitude) AS geo_latitude_, if(g.has_geo, g.geo_longitude, f.geo_longitude) AS geo_longitude_,
            if(g.has_geo, g.geo_country, f.geo_country) AS geo_country_, if(g.has_geo, g.geo_timezone, f.geo_timezone) AS geo_timezone_,
            if(g.has_geo, g.geo_region_name, f.geo_region_name) AS geo_region_name_, if(g.has_geo, g.ip_address, f.ip_address) AS ip_address_,
            f.page_url_path = '' AND l.has_location AS gets_location,
            if(gets_location, l.page_url, f.page_url) AS page_url_, if(gets_location, l.page_url_path, f.page_url_path) AS page_url_path_,
            if(gets_location, l.referer_url, f.referer_url) AS referer_url_, if(gets_location, l.referer_medium, f.referer_medium) AS referer_medium_,
            if(gets_location, l.utm_medium, f.utm_medium) AS utm_medium_, if(gets_location, l.utm_source, f.utm_source) AS utm_source_,
            if(gets_location, l.utm_content, f.utm_content) AS utm_content_, if(gets_location, l.utm_campaign, f.utm_campaign) AS utm_campaign_,
            if(gets_location, l.origin, f.location_object) AS location_object_,
            if(g.has_geo,
                cityHash64(g.geo_country, g.geo_region_name, ifNull(toString(g.geo_latitude), ''), ifNull(toString(g.geo_longitude), ''), g.geo_timezone),
                f.geo_id) AS geo_id_,
            if(f.is_fact, f.created_at, e.built_at) AS created_at_, if(f.is_fact, f.build, e.built_by) AS build_,
            isNotNull(user_domain_id_) AND isNotNull(geo_id_) AND page_url_path_ != '' AS is_complete_,
            e.origin AS source_object_, e.content_hash AS content_hash_,
            f.is_fact AS was_fact,
            f.is_fact AND cityHash64(f.event_timestamp, f.event_type, f.click_id, f.browser_name, f.browser_language, f.browser_user_agent,
                f.os, f.os_name, f.os_timezone, f.device_type, f.device_is_mobile, f.user_custom_id, f.user_domain_id,
                f.geo_latitude, f.geo_longitude, f.geo_country, f.geo_timezone, f.geo_region_name, f.ip_address,
                f.page_url, f.page_url_path, f.referer_url, f.referer_medium, f.utm_medium, f.utm_source, f.utm_content, f.utm_campaign, f.geo_id, f.is_complete)
            = cityHash64(e.event_timestamp, e.event_type, e.click_id, e.browser_name, e.browser_language, e.browser_user_agent,
                os_, os_name_, os_timezone_, device_type_, device_is_mobile_, user_custom_id_, user_domain_id_,
                geo_latitude_, geo_longitude_, geo_country_, geo_timezone_, geo_region_name_, ip_address_,
                page_url_, page_url_path_, referer_url_, referer_medium_, utm_medium_, utm_source_, utm_content_, utm_campaign_, geo_id_, is_complete_) AS is_same
        FROM events AS e
        LEFT JOIN facts AS f ON f.event_id = e.event_id
        LEFT JOIN devices AS d ON d.click_id = e.click_id
        LEFT JOIN geos AS g ON g.click_id = e.click_id
        LEFT JOIN locations AS l ON l.event_id = e.event_id
        WHERE NOT f.is_fact OR f.content_hash = e.content_hash
    )
SELECT *
FROM
(
    SELECT
        {plan:UInt64}, if(was_fact, 'put', 'add') AS of_action, toDate(event_timestamp),
        event_id AS of_event, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent,
        os_, os_name_, os_timezone_, device_type_, device_is_mobile_, user_custom_id_, user_domain_id_,
        geo_latitude_, geo_longitude_, geo_country_, geo_timezone_, geo_region_name_, ip_address_,
        page_url_, page_url_path_, referer_url_, referer_medium_, utm_medium_, utm_source_, utm_content_, utm_campaign_,
        geo_id_, created_at_, build_ AS of_build, is_complete_, source_object_, content_hash_, location_object_
    FROM made
    WHERE NOT is_same AND is_open
      AND (build_, event_id) NOT IN (SELECT build, event_id FROM ops.{sheet:Identifier} WHERE plan = {plan:UInt64} AND action != 'end')
    UNION ALL
    SELECT {plan:UInt64}, 'end', toDate(0), f.* EXCEPT (one) REPLACE (toUInt64({mark:UInt32}) AS build)
    FROM (SELECT 1 AS one) AS e
    LEFT JOIN (SELECT 1 AS one, * FROM analytics.fact_events WHERE false) AS f ON f.one = e.one
    WHERE is_open
)
ORDER BY cityHash64(of_event, of_build, of_action) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1, join_use_nulls = 0
