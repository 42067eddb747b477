-- One row: interactions of plan {plan} that are staged and that neither it nor an earlier plan has built.
WITH
    (SELECT (first_ingested_at, last_ingested_at) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS span,
    (SELECT ranges FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken,
    staged AS
    (
        SELECT
            event_id, ifNull(event_timestamp, toDateTime64(kafka_time, 6, 'UTC')) AS happened_at,
            if(isNull(event_timestamp), 7, 0) AS days_before
        FROM analytics.events_interaction_raw
        WHERE ingested_at BETWEEN span.1 AND span.2
          AND click_id NOT IN (SELECT click_id FROM ops.kept_out WHERE plan = {plan:UInt64} AND NOT is_end)
          AND arrayExists(r -> r.1 = 'interaction_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
        ORDER BY kafka_time, partition, offset
        LIMIT 1 BY event_id
    )
SELECT count() AS missing
FROM staged
WHERE event_id NOT IN
(
    SELECT event_id
    FROM analytics.fact_interactions
    WHERE build <= {plan:UInt64}
      AND toDate(event_timestamp) IN
      (
          SELECT DISTINCT arrayJoin(arrayMap(d -> toDate(happened_at) - d, range(days_before + 1)))
          FROM staged
      )
)
