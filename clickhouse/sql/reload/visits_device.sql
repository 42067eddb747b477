-- One row per click_id of staged device rows that stands in no visit now: the first row, by Kafka time, partition and offset.
INSERT INTO ops.visits (click_id, part, os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id, first_seen_at, plan, origin)
WITH
    planned AS
    (
        SELECT r.1 AS topic, r.2 AS epoch, r.3 AS partition, max(r.5) AS planned_to
        FROM ops.plans
        ARRAY JOIN ranges AS r
        WHERE plan <= {before:UInt64} AND plan IN (SELECT plan FROM ops.plans_done)
        GROUP BY topic, epoch, partition
    )
SELECT *
FROM
(
    SELECT s.click_id AS click_id, 'device', s.os, s.os_name, s.os_timezone, s.device_type, s.device_is_mobile, s.user_custom_id, s.user_domain_id, s.kafka_time, {plan:UInt64}, s.origin
    FROM
    (
        SELECT *
        FROM analytics.events_device_raw
        WHERE click_id NOT IN (SELECT click_id FROM ops.visits WHERE part = 'device')
    ) AS s
    INNER JOIN planned AS p ON p.topic = s.topic AND p.epoch = s.epoch AND p.partition = s.partition
    WHERE s.offset < p.planned_to AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
    ORDER BY s.kafka_time, s.partition, s.offset
    LIMIT 1 BY s.click_id
)
ORDER BY cityHash64(click_id) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
