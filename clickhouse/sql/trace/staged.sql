-- One row per staged message of an event id, oldest first.
SELECT *
FROM
(
    SELECT 'browser' AS stream, topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, toNullable(click_id) AS click_id, toNullable(event_timestamp) AS event_timestamp
    FROM analytics.events_browser_raw
    WHERE event_id = {event:UUID}
    UNION ALL
    SELECT 'location', topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, NULL, NULL
    FROM analytics.events_location_raw
    WHERE event_id = {event:UUID}
    UNION ALL
    SELECT 'interaction', topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, click_id, event_timestamp
    FROM analytics.events_interaction_raw
    WHERE event_id = {event:UUID}
)
ORDER BY stream = 'browser' DESC, kafka_time, partition, offset
LIMIT 20
