-- One row per click_id of staged geo rows that stands in no visit now: the first row, by Kafka time, partition and offset.
INSERT INTO ops.visits (click_id, part, geo_latitude, geo_longitude, geo_country, geo_timezone, geo_region_name, ip_address, first_seen_at, plan, origin)
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
    SELECT s.click_id AS click_id, 'geo', s.geo_latitude, s.geo_longitude, s.geo_country, s.geo_timezone, s.geo_region_name, s.ip_address, s.kafka_time, {plan:UInt64}, s.origin
    FROM
    (
        SELECT *
        FROM analytics.events_geo_raw
        WHERE click_id NOT IN (SELECT click_id FROM ops.visits WHERE part = 'geo')
    ) AS s
    INNER JOIN planned AS p ON p.topic = s.topic AND p.epoch = s.epoch AND p.partition = s.partition
    WHERE s.offset < p.planned_to AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
    ORDER BY s.kafka_time, s.partition, s.offset
    LIMIT 1 BY s.click_id
)
ORDER BY cityHash64(click_id) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
