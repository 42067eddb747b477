-- One row per fact that {plan} takes out or that loses what came from the objects, as it is without them: what another one has brought stands in the place; one that closes the piece.
INSERT INTO ops.{sheet:Identifier}
WITH
    ({plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
        AND {mark:UInt32} NOT IN (SELECT build FROM ops.{sheet:Identifier} WHERE plan = {plan:UInt64} AND action = 'end')) AS is_open,
    (
        SELECT groupUniqArrayArray(arrayMap(u -> (topic, u.1, u.2, u.3), until))
        FROM ops.{requests:Identifier}
        WHERE request_id = {request:UUID}
    ) AS kept,
    asked AS (SELECT object, topic FROM ops.{requests:Identifier} WHERE request_id = {request:UUID}),
    planned AS
    (
        SELECT r.1 AS topic, r.2 AS epoch, r.3 AS partition, max(r.5) AS planned_to
        FROM ops.plans
        ARRAY JOIN ranges AS r
        WHERE plan <= {before:UInt64} AND plan IN (SELECT plan FROM ops.plans_done)
        GROUP BY topic, epoch, partition
    ),
    affected AS
    (
        SELECT
            *,
            source_object IN (SELECT object FROM asked)   AS is_gone,
            location_object IN (SELECT object FROM asked) AS loses_location,
            click_id IN (SELECT click_id FROM ops.visits WHERE part = 'device' AND origin IN (SELECT object FROM asked)) AS loses_device,
            click_id IN (SELECT click_id FROM ops.visits WHERE part = 'geo' AND origin IN (SELECT object FROM asked))    AS loses_geo
        FROM analytics.fact_events
        WHERE (is_gone OR loses_location OR loses_device OR loses_geo)
          AND cityHash64(event_id) % {pieces:UInt32} = {piece:UInt32}
    ),
    others AS -- events of other objects that were repeats or conflicts of facts that go
    (
        SELECT
            s.event_id AS event_id, s.event_timestamp AS event_timestamp, s.event_type AS event_type, s.click_id AS click_id,
            s.browser_name AS browser_name, s.browser_language AS browser_language, s.browser_user_agent AS browser_user_agent,
            s.origin AS origin, s.kafka_time AS kafka_time, s.partition AS partition, s.offset AS offset, s.content_hash AS content_hash
        FROM
        (
            SELECT *, sipHash64(event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent) AS content_hash
            FROM analytics.events_browser_raw
            WHERE event_id IN (SELECT event_id FROM affected WHERE is_gone)
              AND NOT (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
              AND toDate(event_timestamp) NOT IN (SELECT day FROM ops.closed_days)
              AND event_id NOT IN
              (
                  SELECT event_id
                  FROM analytics.fact_events
                  WHERE event_id IN (SELECT event_id FROM affected WHERE is_gone) AND source_object NOT IN (SELECT object FROM asked)
              )
        ) AS s
        INNER JOIN planned AS p ON p.topic = s.topic AND p.epoch = s.epoch AND p.partition = s.partition
        WHERE s.offset < p.planned_to
    ),
    chosen AS
    (
        SELECT
            true AS is_chosen, f.build AS build,
            o.event_id AS event_id, o.event_timestamp AS event_timestamp, o.event_type AS event_type, o.click_id AS click_id, o.browser_name AS browser_name, o.browser_language AS browser_language, o.browser_user_agent AS browser_user_agent, o.origin AS origin, o.content_hash AS content_hash
        FROM (SELECT event_id, build, content_hash FROM affected WHERE is_gone) AS f
        INNER JOIN others AS o ON o.event_id = f.event_id
        ORDER BY (o.content_hash = f.content_hash) DESC, o.kafka_time, o.partition, o.offset
        LIMIT 1 BY o.event_id
    ),
    told AS
    (
        SELECT
            f.event_id AS event_id, f.build AS build, f.created_at AS created_at, f.location_object AS location_object, f.geo_id AS geo_id,
            f.os AS os, f.os_name AS os_name, f.os_timezone AS os_timezone, f.device_type AS device_type, f.device_is_mobile AS device_is_mobile, f.user_custom_id AS user_custom_id, f.user_domain_id AS user_domain_id,
            f.geo_latitude AS geo_latitude, f.geo_longitude AS geo_longitude, f.geo_country AS geo_country, f.geo_timezone AS geo_timezone, f.geo_region_name AS geo_region_name, f.ip_address AS ip_address,
            f.page_url AS page_url, f.page_url_path AS page_url_path, f.referer_url AS referer_url, f.referer_medium AS referer_medium, f.utm_medium AS utm_medium, f.utm_source AS utm_source, f.utm_content AS utm_content, f.utm_campaign AS utm_campaign,
            f.loses_location AS loses_location,
            toDate(f.event_timestamp) AS old_day,
            f.is_gone AND NOT c.is_chosen AS is_removed,
            if(c.is_chosen, c.event_timestamp, f.event_timestamp) AS event_timestamp,
            if(c.is_chosen, c.event_type, f.event_type) AS event_type,
            if(c.is_chosen, c.click_id, f.click_id) AS click_id,
            if(c.is_chosen, c.browser_name, f.browser_name) AS browser_name,
            if(c.is_chosen, c.browser_language, f.browser_language) AS browser_language,
            if(c.is_chosen, c.browser_user_agent, f.browser_user_agent) AS browser_user_agent,
            if(c.is_chosen, c.origin, f.source_object) AS source_object,
            if(c.is_chosen, c.content_hash, f.content_hash) AS content_hash,
            f.loses_device OR (c.is_chosen AND c.click_id != f.click_id) AS takes_device,
            f.loses_geo OR (c.is_chosen AND c.click_id != f.click_id) AS takes_geo
        FROM affected AS f
        LEFT JOIN chosen AS c ON c.event_id = f.event_id AND c.build = f.build
    ),
    devices AS
    (
        SELECT true AS has_device, *
        FROM
        (
            SELECT 0 AS place, click_id, first_seen_at AS seen_at, 0 AS partition, 0 AS offset, os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id
            FROM ops.visits
            WHERE part = 'device' AND origin NOT IN (SELECT object FROM asked) AND click_id IN (SELECT click_id FROM told WHERE takes_device)
            UNION ALL
            SELECT 1, s.click_id, s.kafka_time, s.partition, s.offset, s.os, s.os_name, s.os_timezone, s.device_type, s.device_is_mobile, s.user_custom_id, s.user_domain_id
            FROM
            (
                SELECT *
                FROM analytics.events_device_raw
                WHERE click_id IN (SELECT click_id FROM told WHERE takes_device) AND NOT (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
            ) AS s
            INNER JOIN planned AS p ON p.topic = s.topic AND p.epoch = s.epoch AND p.partition = s.partition
            WHERE s.offset < p.planned_to
        )
        ORDER BY place, seen_at, partition, offset
        LIMIT 1 BY click_id
    ),
    geos AS
    (
        SELECT true AS has_geo, *
        FROM
        (
            SELECT 0 AS place, click_id, first_seen_at AS seen_at, 0 AS partition, 0 AS offset, geo_latitude, geo_longitude, geo_country, geo_timezone, geo_region_name, ip_address
            FROM ops.visits
            WHERE part = 'geo' AND origin NOT IN (SELECT object FROM asked) AND click_id IN (SELECT click_id FROM told WHERE takes_geo)
            UNION ALL
            SELECT 1, s.click_id, s.kafka_time, s.partition, s.offset, s.geo_latitude, s.geo_longitude, s.geo_country, s.geo_timezone, s.geo_region_name, s.ip_address
            FROM
            (
                SELECT *
                FROM analytics.events_geo_raw
                WHERE click_id IN (SELECT click_id FROM told WHERE takes_geo) AND NOT (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
            ) AS s
            INNER JOIN planned AS p ON p.topic = s.topic AND p.epoch = s.epoch AND p.partition = s.partition
            WHERE s.offset < p.planned_to
        )
        ORDER BY place, seen_at, partition, offset
        LIMIT 1 BY click_id
    ),
    locations AS
    (
        SELECT true AS has_location, *
        FROM
        (
            SELECT s.event_id AS event_id, s.kafka_time AS kafka_time, s.partition AS partition, s.offset AS offset, s.origin AS origin,
                s.page_url AS page_url, s.page_url_path AS page_url_path, s.referer_url AS referer_url, s.referer_medium AS referer_medium, s.utm_medium AS utm_medium, s.utm_source AS utm_source, s.utm_content AS utm_content, s.utm_campaign AS utm_campaign
            FROM
            (
                SELECT *
                FROM analytics.events_location_raw
                WHERE event_id IN (SELECT event_id FROM told WHERE loses_location) AND NOT (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
            ) AS s
            INNER JOIN planned AS p ON p.topic = s.topic AND p.epoch = s.epoch AND p.partition = s.partition
            WHERE s.offset < p.planned_to
            UNION ALL
            SELECT event_id, kafka_time, partition, offset, origin, page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign
            FROM ops.waiting
            WHERE plan = {before:UInt64} AND kind = 'location' AND event_id IN (SELECT event_id FROM told WHERE loses_location) AND NOT (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
        )
        ORDER BY kafka_time, partition, offset
        LIMIT 1 BY event_id
    )
SELECT *
FROM
(
    SELECT
        {plan:UInt64}, 'put' AS of_action, toDate(f.event_timestamp),
        f.event_id AS of_event, f.event_timestamp, f.event_type, f.click_id, f.browser_name, f.browser_language, f.browser_user_agent,
        if(f.takes_device, d.os, f.os), if(f.takes_device, d.os_name, f.os_name), if(f.takes_device, d.os_timezone, f.os_timezone), if(f.takes_device, d.device_type, f.device_type), if(f.takes_device, d.device_is_mobile, f.device_is_mobile), if(f.takes_device, d.user_custom_id, f.user_custom_id),
        if(f.takes_device, if(d.has_device, d.user_domain_id, NULL), f.user_domain_id) AS of_user,
        if(f.takes_geo, g.geo_latitude, f.geo_latitude), if(f.takes_geo, g.geo_longitude, f.geo_longitude), if(f.takes_geo, g.geo_country, f.geo_country), if(f.takes_geo, g.geo_timezone, f.geo_timezone), if(f.takes_geo, g.geo_region_name, f.geo_region_name), if(f.takes_geo, g.ip_address, f.ip_address),
        if(f.loses_location, l.page_url, f.page_url), if(f.loses_location, l.page_url_path, f.page_url_path) AS of_path, if(f.loses_location, l.referer_url, f.referer_url), if(f.loses_location, l.referer_medium, f.referer_medium), if(f.loses_location, l.utm_medium, f.utm_medium), if(f.loses_location, l.utm_source, f.utm_source), if(f.loses_location, l.utm_content, f.utm_content), if(f.loses_location, l.utm_campaign, f.utm_campaign),
        if(f.takes_geo,
            if(g.has_geo,
                cityHash64(g.geo_country, g.geo_region_name, ifNull(toString(g.geo_latitude), ''), ifNull(toString(g.geo_longitude), ''), g.geo_timezone),
                NULL),
            f.geo_id) AS of_geo,
        f.created_at, f.build AS of_build,
        isNotNull(of_user) AND isNotNull(of_geo) AND of_path != '',
        f.source_object, f.content_hash, if(f.loses_location, l.origin, f.location_object)
    FROM told AS f
    LEFT JOIN devices AS d ON d.click_id = f.click_id
    LEFT JOIN geos AS g ON g.click_id = f.click_id
    LEFT JOIN locations AS l ON l.event_id = f.event_id
    WHERE NOT f.is_removed AND is_open
    UNION ALL
    SELECT {plan:UInt64}, 'remove', toDate(event_timestamp), * EXCEPT (is_gone, loses_location, loses_device, loses_geo)
    FROM affected
    WHERE (build, event_id) IN (SELECT build, event_id FROM told WHERE is_removed OR toDate(event_timestamp) != old_day) AND is_open
    UNION ALL
    SELECT {plan:UInt64}, 'end', toDate(0), f.* EXCEPT (one) REPLACE (toUInt64({mark:UInt32}) AS build)
    FROM (SELECT 1 AS one) AS e
    LEFT JOIN (SELECT 1 AS one, * FROM analytics.fact_events WHERE false) AS f ON f.one = e.one
    WHERE is_open
)
ORDER BY cityHash64(of_event, of_build, of_action) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1, join_use_nulls = 0
