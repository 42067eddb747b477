-- The waiting set before plan {plan} as the set after it: without rows of the objects, with others of the same ids, and with the locations of facts that are taken out.
INSERT INTO ops.waiting
WITH
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
    (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS as_of_,
    toDateTime64(0, 6, 'UTC') AS no_time,
    toUUID('00000000-0000-0000-0000-000000000000') AS no_id,
    removed AS
    (
        SELECT *
        FROM ops.corrections
        WHERE plan = {plan:UInt64} AND action = 'remove'
          AND (build, event_id) NOT IN (SELECT build, event_id FROM ops.corrections WHERE plan = {plan:UInt64} AND action = 'put')
    ),
    gone AS
    (
        SELECT kind, event_id, sipHash64(event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent) AS content_hash
        FROM ops.waiting
        WHERE plan = {before:UInt64} AND kind != 'end' AND (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
    )
SELECT *
FROM
(
    SELECT {plan:UInt64}, w.kind AS of_kind, w.* EXCEPT (plan, kind)
    FROM ops.waiting AS w
    WHERE w.plan = {before:UInt64} AND w.kind = 'event' AND NOT (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept)) AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
    UNION ALL
    SELECT
        {plan:UInt64}, 'event', s.topic, s.epoch, s.partition, s.offset, s.kafka_time, s.ingested_at, s.origin, s.origin_line,
        s.event_id, s.event_timestamp, s.event_type, s.click_id, s.browser_name, s.browser_language, s.browser_user_agent,
        '', '', '', '', '', '', '', ''
    FROM (SELECT *, sipHash64(event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent) AS content_hash FROM analytics.events_browser_raw WHERE event_id IN (SELECT event_id FROM gone WHERE kind = 'event') AND NOT (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))) AS s
    INNER JOIN planned AS p ON p.topic = s.topic AND p.epoch = s.epoch AND p.partition = s.partition
    WHERE s.offset < p.planned_to AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
    ORDER BY (s.event_id, s.content_hash) IN (SELECT event_id, content_hash FROM gone WHERE kind = 'event') DESC, s.kafka_time, s.partition, s.offset
    LIMIT 1 BY s.event_id
    UNION ALL
    SELECT
        {plan:UInt64}, 'location', topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
        event_id, no_time, '', no_id, '', '', '', page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign
    FROM
    (
        SELECT topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, event_id, page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign
        FROM ops.waiting
        WHERE plan = {before:UInt64} AND kind = 'location' AND NOT (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
          AND event_id NOT IN (SELECT event_id FROM ops.corrections WHERE plan = {plan:UInt64} AND action = 'put' AND page_url_path != '')
        UNION ALL
        SELECT 'location_events', no_id, 0, 0, created_at, as_of_, location_object, 0, event_id, page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign
        FROM removed
        WHERE page_url_path != '' AND location_object NOT IN (SELECT object FROM asked)
        UNION ALL
        SELECT s.topic, s.epoch, s.partition, s.offset, s.kafka_time, s.ingested_at, s.origin, s.origin_line, s.event_id, s.page_url, s.page_url_path, s.referer_url, s.referer_medium, s.utm_medium, s.utm_source, s.utm_content, s.utm_campaign
        FROM
        (
            SELECT *
            FROM analytics.events_location_raw
            WHERE NOT (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
              AND (event_id IN (SELECT event_id FROM gone WHERE kind = 'location')
                OR event_id IN (SELECT event_id FROM removed WHERE location_object IN (SELECT object FROM asked)))
              AND event_id NOT IN (SELECT event_id FROM ops.corrections WHERE plan = {plan:UInt64} AND action = 'put' AND page_url_path != '')
        ) AS s
        INNER JOIN planned AS p ON p.topic = s.topic AND p.epoch = s.epoch AND p.partition = s.partition
        WHERE s.offset < p.planned_to
    )
    WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
    ORDER BY kafka_time, partition, offset
    LIMIT 1 BY event_id
    UNION ALL
    SELECT {plan:UInt64}, w.kind, w.* EXCEPT (plan, kind)
    FROM ops.waiting AS w
    WHERE w.plan = {before:UInt64} AND w.kind = 'end' AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
)
ORDER BY cityHash64(event_id, offset, of_kind) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
