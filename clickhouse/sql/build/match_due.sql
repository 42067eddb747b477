-- One row: staged events of plan {plan} that an erasure took out since, those that waited, and those of its work sheet.
WITH
    (SELECT (first_ingested_at, last_ingested_at) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS span,
    (SELECT ranges FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken
SELECT
    (
        SELECT uniqExact(epoch, partition, offset)
        FROM ops.erased
        WHERE topic = 'browser_events' AND place = 'staged' AND plan < {plan:UInt64}
          AND arrayExists(r -> r.1 = 'browser_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
          AND (epoch, partition, offset) NOT IN
          (
              SELECT epoch, partition, offset
              FROM analytics.events_browser_raw
              WHERE ingested_at BETWEEN span.1 AND span.2
                AND arrayExists(r -> r.1 = 'browser_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
          )
    ) AS erased,
    (SELECT count() FROM ops.waiting WHERE plan = {plan:UInt64} - 1 AND kind = 'event') AS was_waiting,
    (SELECT count() FROM ops.matched WHERE plan = {plan:UInt64})                        AS matched
