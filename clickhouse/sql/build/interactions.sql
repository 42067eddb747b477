-- One row per interaction that plan {plan} brings: the first message of an id that no earlier plan has built.
INSERT INTO analytics.fact_interactions
(
    event_id, event_timestamp, event_type, click_id, event_title, element_id, x, y, page_url_path, payload,
    created_at, build
)
WITH
    (SELECT (first_ingested_at, last_ingested_at) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS span,
    (SELECT ranges FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken,
    staged AS
    (
        SELECT
            event_id, ifNull(event_timestamp, toDateTime64(kafka_time, 6, 'UTC')) AS happened_at, event_type, click_id,
            event_title, element_id, x, y, page_url_path, payload,
            if(isNull(event_timestamp), 7, 0) AS days_before -- without a time an earlier message may lie days before
        FROM analytics.events_interaction_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND click_id NOT IN (SELECT click_id FROM ops.kept_out WHERE plan = {plan:UInt64} AND NOT is_end)
          AND arrayExists(r -> r.1 = 'interaction_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
        ORDER BY kafka_time, partition, offset
        LIMIT 1 BY event_id
    )
SELECT
    event_id, happened_at, event_type, click_id, event_title, element_id, x, y, page_url_path, payload,
    (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1),
    {plan:UInt64}
FROM staged
WHERE event_id NOT IN
  (
      SELECT event_id
      FROM analytics.fact_interactions
      WHERE (build < {plan:UInt64} OR {generation:UInt32} > 0)
        AND toDate(event_timestamp) IN
        (
            SELECT DISTINCT arrayJoin(arrayMap(d -> toDate(happened_at) - d, range(days_before + 1)))
            FROM staged
        )
  )
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64})
ORDER BY cityHash64(event_id) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1, max_partitions_per_insert_block = 0
