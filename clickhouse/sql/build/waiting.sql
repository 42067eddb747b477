-- One row per event that waits after plan {plan}, per location that waits for its event, and one that closes the set.
INSERT INTO ops.waiting
WITH
    (SELECT (first_ingested_at, last_ingested_at) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS span,
    (SELECT ranges FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken,
    (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS as_of_,
    toDateTime64(0, 6, 'UTC') AS no_time,
    toUUID('00000000-0000-0000-0000-000000000000') AS no_id
SELECT *
FROM
(
    SELECT
        {plan:UInt64}, 'event' AS of_kind, topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
        event_id, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent,
        '' AS page_url, '' AS page_url_path, '' AS referer_url, '' AS referer_medium,
        '' AS utm_medium, '' AS utm_source, '' AS utm_content, '' AS utm_campaign
    FROM ops.matched
    WHERE plan = {plan:UInt64} AND action = 'wait' AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64})
    UNION ALL
    SELECT
        {plan:UInt64}, 'location', topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
        event_id, no_time, '', no_id, '', '', '',
        page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign
    FROM
    (
        SELECT
            topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, event_id,
            page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign
        FROM analytics.events_location_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND arrayExists(r -> r.1 = 'location_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
        UNION ALL
        SELECT
            topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, event_id,
            page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign
        FROM ops.waiting
        WHERE plan = {plan:UInt64} - 1 AND kind = 'location' AND ingested_at > as_of_ - INTERVAL 90 DAY
    )
    WHERE
    (
        event_id NOT IN
        (
            SELECT event_id
            FROM ops.matched
            WHERE plan = {plan:UInt64}
            GROUP BY event_id
            HAVING countIf(action = 'wait') = 0
        )
        OR event_id IN (SELECT event_id FROM ops.incomplete WHERE lacks_location) -- kept for the correction of the fact
    )
    AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64})
    ORDER BY kafka_time, partition, offset
    LIMIT 1 BY event_id
    UNION ALL
    SELECT
        {plan:UInt64}, 'end', '', no_id, 0, 0, as_of_, as_of_, '', 0, no_id, no_time, '', no_id, '', '', '',
        '', '', '', '', '', '', '', ''
    WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64})
)
ORDER BY cityHash64(event_id, offset, of_kind) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
