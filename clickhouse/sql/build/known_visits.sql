-- One row per part of a click_id of plan {plan} that an earlier plan had brought, and perhaps of others with the same short hash; one that closes the sheet.
INSERT INTO ops.known_visits
WITH
    (SELECT (first_ingested_at, last_ingested_at) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS span,
    (SELECT ranges FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken,
    clicks AS
    (
        SELECT click_id
        FROM analytics.events_browser_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND arrayExists(r -> r.1 = 'browser_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
        UNION ALL
        SELECT click_id
        FROM analytics.events_device_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND arrayExists(r -> r.1 = 'device_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
        UNION ALL
        SELECT click_id
        FROM analytics.events_geo_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND arrayExists(r -> r.1 = 'geo_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
        UNION ALL
        SELECT click_id FROM ops.waiting WHERE plan = {plan:UInt64} - 1 AND kind = 'event'
    )
SELECT {plan:UInt64}, row_number() OVER (ORDER BY of_end, of_part, of_click) - 1 AS of_place, *
FROM
(
    SELECT
        false AS of_end, click_id AS of_click, part AS of_part, os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id,
        geo_latitude, geo_longitude, geo_country, geo_timezone, geo_region_name, ip_address
    FROM ops.visits
    PREWHERE click_hash IN (SELECT toUInt32(cityHash64(click_id)) FROM clicks) -- read for all visits, being small
    WHERE plan < {plan:UInt64}
    UNION ALL
    SELECT
        true, toUUID('00000000-0000-0000-0000-000000000000'), 'geo', '', '', '', '', NULL, '', NULL,
        NULL, NULL, '', '', '', ''
)
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64}) -- a builder that was overtaken must not write again
ORDER BY of_place -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1, optimize_read_in_order = 0
