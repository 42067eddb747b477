-- One row per staged message that belongs to a click that plan {plan} keeps out: browser events of the plan, and all other parts.
INSERT INTO ops.erased
WITH
    (SELECT (first_ingested_at, last_ingested_at) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS span,
    (SELECT ranges FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken,
    clicks AS (SELECT click_id AS id FROM ops.kept_out WHERE plan = {plan:UInt64} AND NOT is_end),
    events AS (SELECT event_id AS id FROM ops.matched WHERE plan = {plan:UInt64} AND action = 'erased')
SELECT topic, epoch, partition, offset, ingested_at, 'staged', {plan:UInt64}
FROM
(
    SELECT topic, epoch, partition, offset, ingested_at
    FROM analytics.events_browser_raw
    WHERE ingested_at BETWEEN span.1 AND span.2 AND click_id IN (SELECT id FROM clicks)
      AND arrayExists(r -> r.1 = 'browser_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
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
