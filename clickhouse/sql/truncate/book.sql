-- One row per message of a stored claim that stands in staging or the dead letters: plan {plan} takes it out.
INSERT INTO ops.erased
WITH closed AS (SELECT topic, epoch, partition, from_offset, to_offset FROM ops.stored LIMIT 1 BY claim_id)
SELECT h.topic AS of_topic, h.epoch AS of_epoch, h.partition AS of_partition, h.offset AS of_offset, h.ingested_at, h.place, {plan:UInt64}
FROM
(
    SELECT topic, epoch, partition, offset, ingested_at, 'staged' AS place FROM analytics.events_browser_raw
    UNION ALL SELECT topic, epoch, partition, offset, ingested_at, 'staged' FROM analytics.events_device_raw
    UNION ALL SELECT topic, epoch, partition, offset, ingested_at, 'staged' FROM analytics.events_geo_raw
    UNION ALL SELECT topic, epoch, partition, offset, ingested_at, 'staged' FROM analytics.events_location_raw
    UNION ALL SELECT topic, epoch, partition, offset, ingested_at, 'staged' FROM analytics.events_interaction_raw
    UNION ALL SELECT topic, epoch, partition, offset, ingested_at, 'dead_letter' FROM ops.dead_letters WHERE topic IN {topics:Array(String)}
) AS h
ASOF INNER JOIN closed AS c ON c.topic = h.topic AND c.epoch = h.epoch AND c.partition = h.partition AND c.from_offset <= h.offset
WHERE h.offset < c.to_offset
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
  AND (h.topic, h.epoch, h.partition, h.offset) NOT IN (SELECT topic, epoch, partition, offset FROM ops.erased)
ORDER BY cityHash64(of_topic, of_epoch, of_partition, of_offset) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
