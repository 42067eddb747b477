-- One row per staged message of the person whom plan {plan} erases.
INSERT INTO ops.erased
WITH clicks AS (SELECT toUUID(value) AS id FROM ops.erasure_keys WHERE plan = {plan:UInt64} AND kind = 'click'),
     events AS (SELECT toUUID(value) AS id FROM ops.erasure_keys WHERE plan = {plan:UInt64} AND kind = 'event')
SELECT topic, epoch, partition, offset, ingested_at, 'staged', {plan:UInt64}
FROM
(
    SELECT topic, epoch, partition, offset, ingested_at FROM analytics.events_browser_raw WHERE click_id IN (SELECT id FROM clicks)
    UNION ALL
    SELECT topic, epoch, partition, offset, ingested_at FROM analytics.events_device_raw WHERE click_id IN (SELECT id FROM clicks)
    UNION ALL
    SELECT topic, epoch, partition, offset, ingested_at FROM analytics.events_geo_raw WHERE click_id IN (SELECT id FROM clicks)
    UNION ALL
    SELECT topic, epoch, partition, offset, ingested_at FROM analytics.events_location_raw WHERE event_id IN (SELECT id FROM events)
    UNION ALL
    SELECT topic, epoch, partition, offset, ingested_at FROM analytics.events_interaction_raw WHERE click_id IN (SELECT id FROM clicks)
)
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
  AND (topic, epoch, partition, offset) NOT IN (SELECT topic, epoch, partition, offset FROM ops.erased)
ORDER BY cityHash64(topic, epoch, partition, offset) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
