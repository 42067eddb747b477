-- One row per browser event that plan {plan} takes or that waited for it: its parts, and what becomes of it.
INSERT INTO ops.matched
WITH
    (SELECT (first_ingested_at, last_ingested_at) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS span,
    (SELECT ranges FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken,
    (SELECT as_of - toIntervalSecond(grace_s) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS grace_ends,
    events AS
    (
        SELECT
            false AS waited, topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
            event_id, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent
        FROM analytics.events_browser_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND arrayExists(r -> r.1 = 'browser_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
        UNION ALL
        SELECT
            true, topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
            event_id, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent
        FROM ops.waiting
        WHERE plan = {plan:UInt64} - 1 AND kind = 'event'
    ),
    locations AS
    (
        SELECT *
        FROM
        (
            SELECT
                event_id, kafka_time, partition, offset, origin, page_url, page_url_path, referer_url, referer_medium,
                utm_medium, utm_source, utm_content, utm_campaign
            FROM analytics.events_location_raw
            WHERE ingested_at BETWEEN span.1 AND span.2
              AND arrayExists(r -> r.1 = 'location_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
            UNION ALL
            SELECT
                event_id, kafka_time, partition, offset, origin, page_url, page_url_path, referer_url, referer_medium,
                utm_medium, utm_source, utm_content, utm_campaign
            FROM ops.waiting
            WHERE plan = {plan:UInt64} - 1 AND kind = 'location'
        )
        ORDER BY kafka_time, partition, offset
        LIMIT 1 BY event_id
    ),
    ranked AS
    (
        SELECT
            *,
            sipHash64(event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent) AS content_hash,
            row_number() OVER same_id          AS place,
            first_value(content_hash) OVER same_id AS first_hash
        FROM events
        WINDOW same_id AS
        (
            PARTITION BY event_id
            ORDER BY waited DESC, kafka_time, partition, offset
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
    ),
    known AS
    (
        SELECT event_id, true AS is_known, any(content_hash) AS known_hash
        FROM analytics.fact_events
        WHERE build < {plan:UInt64}
          AND toDate(event_timestamp) IN (SELECT toDate(event_timestamp) FROM events)
          AND event_id IN (SELECT event_id FROM events)
        GROUP BY event_id
    )
SELECT
    {plan:UInt64} AS plan,
    multiIf(
        e.click_id IN (SELECT click_id FROM ops.kept_out WHERE plan = {plan:UInt64} AND NOT is_end), 'erased',
        toDate(e.event_timestamp) IN (SELECT day FROM ops.closed_days WHERE plan < {plan:UInt64}), 'closed',
        k.is_known, if(k.known_hash = e.content_hash, 'repeat', 'conflict'),
        e.place > 1, if(e.first_hash = e.content_hash, 'repeat', 'conflict'),
        (l.has_location AND d.has_device AND g.has_geo) OR e.ingested_at <= grace_ends, 'fact',
        'wait') AS action,
    e.waited, e.topic, e.epoch, e.partition, e.offset, e.kafka_time, e.ingested_at,
    e.event_id, e.event_timestamp, e.event_type, e.click_id, e.browser_name, e.browser_language, e.browser_user_agent,
    d.has_device, d.os, d.os_name, d.os_timezone, d.device_type, d.device_is_mobile, d.user_custom_id, d.user_domain_id,
    g.has_geo, g.geo_latitude, g.geo_longitude, g.geo_country, g.geo_timezone, g.geo_region_name, g.ip_address,
    l.has_location, l.page_url, l.page_url_path, l.referer_url, l.referer_medium,
    l.utm_medium, l.utm_source, l.utm_content, l.utm_campaign,
    e.origin, e.origin_line, e.content_hash, l.origin AS location_object
FROM ranked AS e
LEFT JOIN known AS k ON k.event_id = e.event_id
LEFT JOIN (SELECT true AS has_location, * FROM locations) AS l ON l.event_id = e.event_id
LEFT JOIN
(
    SELECT true AS has_device, *
    FROM
    (
        SELECT click_id, os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id FROM ops.known_visits WHERE plan = {plan:UInt64} AND part = 'device' AND NOT is_end
        UNION ALL
        SELECT click_id, os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id FROM ops.visits WHERE plan = {plan:UInt64} AND part = 'device'
    )
    LIMIT 1 BY click_id
) AS d ON d.click_id = e.click_id
LEFT JOIN
(
    SELECT true AS has_geo, *
    FROM
    (
        SELECT click_id, geo_latitude, geo_longitude, geo_country, geo_timezone, geo_region_name, ip_address FROM ops.known_visits WHERE plan = {plan:UInt64} AND part = 'geo' AND NOT is_end
        UNION ALL
        SELECT click_id, geo_latitude, geo_longitude, geo_country, geo_timezone, geo_region_name, ip_address FROM ops.visits WHERE plan = {plan:UInt64} AND part = 'geo'
    )
    LIMIT 1 BY click_id
) AS g ON g.click_id = e.click_id
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64}) -- a builder that was overtaken must not write again
ORDER BY action, toDate(e.event_timestamp), e.event_id, e.offset -- one sorted stream: the token of an insert counts the chunks that it is read in; the order of the table is the cheapest
SETTINGS max_threads = 1, optimize_read_in_order = 0, join_use_nulls = 0
