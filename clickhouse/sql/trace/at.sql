-- One row per row that the message at a place in Kafka has left: staged, dead letter, heartbeat, or erased; the newest topic first.
SELECT *
FROM
(
    SELECT 'staged' AS found, 'browser' AS stream, topic, epoch, partition, offset, kafka_time, ingested_at, toNullable(event_id) AS event_id, toNullable(click_id) AS click_id
    FROM analytics.events_browser_raw WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset = {offset:UInt64}
    UNION ALL
    SELECT 'staged', 'location', topic, epoch, partition, offset, kafka_time, ingested_at, event_id, NULL
    FROM analytics.events_location_raw WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset = {offset:UInt64}
    UNION ALL
    SELECT 'staged', 'interaction', topic, epoch, partition, offset, kafka_time, ingested_at, event_id, click_id
    FROM analytics.events_interaction_raw WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset = {offset:UInt64}
    UNION ALL
    SELECT 'staged', 'device', topic, epoch, partition, offset, kafka_time, ingested_at, NULL, click_id
    FROM analytics.events_device_raw WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset = {offset:UInt64}
    UNION ALL
    SELECT 'staged', 'geo', topic, epoch, partition, offset, kafka_time, ingested_at, NULL, click_id
    FROM analytics.events_geo_raw WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset = {offset:UInt64}
    UNION ALL
    SELECT 'dead letter', stream, topic, epoch, partition, offset, kafka_time, ingested_at, NULL, NULL
    FROM ops.dead_letters WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset = {offset:UInt64}
    UNION ALL
    SELECT 'erased', '', topic, epoch, partition, offset, ingested_at, ingested_at, NULL, NULL
    FROM ops.erased WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset = {offset:UInt64}
    UNION ALL
    SELECT 'heartbeat', '', topic, epoch, partition, offset, kafka_time, ingested_at, NULL, NULL
    FROM ops.freshness WHERE topic = {topic:String} AND partition = {partition:UInt32} AND offset = {offset:UInt64}
)
ORDER BY ingested_at DESC
LIMIT 5
