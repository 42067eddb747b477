-- One row per click_id whose first device row came with plan {plan}: that row, by Kafka time, partition and offset.
INSERT INTO ops.visits (click_id, part, os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id, first_seen_at, plan, origin)
WITH
    (SELECT (first_ingested_at, last_ingested_at) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS span,
    (SELECT arrayFilter(r -> r.1 = 'device_events', ranges) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken,
    rows AS
    (
        SELECT *
        FROM analytics.events_device_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND click_id NOT IN (SELECT click_id FROM ops.kept_out WHERE plan = {plan:UInt64} AND NOT is_end)
          AND arrayExists(r -> epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
    )
SELECT *
FROM
(
    SELECT click_id, 'device', os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id, kafka_time, {plan:UInt64}, origin
    FROM rows
    WHERE click_id NOT IN (SELECT click_id FROM ops.known_visits WHERE plan = {plan:UInt64} AND part = 'device' AND NOT is_end)
      AND ({generation:UInt32} = 0 OR click_id NOT IN (SELECT click_id FROM ops.visits WHERE plan = {plan:UInt64} AND part = 'device'))
      AND {plan:UInt64} IN (SELECT plan FROM ops.known_visits WHERE plan = {plan:UInt64} AND is_end) -- a builder that was overtaken may find the sheet dropped
    ORDER BY kafka_time, partition, offset
    LIMIT 1 BY click_id
)
ORDER BY cityHash64(click_id) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
