-- One row per staged device and geo message of a click_id; the first of each counts.
SELECT *
FROM
(
    SELECT 'device' AS stream, topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
    FROM analytics.events_device_raw
    WHERE click_id = {click:UUID}
    UNION ALL
    SELECT 'geo', topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
    FROM analytics.events_geo_raw
    WHERE click_id = {click:UUID}
)
ORDER BY stream, kafka_time, partition, offset
LIMIT 5 BY stream
