-- One row per day with incomplete facts for which plan {plan} brings a part: how many; and one that closes the plan.
INSERT INTO ops.arrivals (plan, day, events)
WITH
    (SELECT (first_ingested_at, last_ingested_at) FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS span,
    (SELECT ranges FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken
SELECT *
FROM
(
    SELECT {plan:UInt64}, toDate(event_timestamp) AS day, count()
    FROM ops.incomplete
    WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64})
      AND
      (
          (lacks_device AND click_id IN
          (
              SELECT click_id FROM analytics.events_device_raw
              WHERE ingested_at BETWEEN span.1 AND span.2
                AND arrayExists(r -> r.1 = 'device_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
          ))
          OR (lacks_geo AND click_id IN
          (
              SELECT click_id FROM analytics.events_geo_raw
              WHERE ingested_at BETWEEN span.1 AND span.2
                AND arrayExists(r -> r.1 = 'geo_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
          ))
          OR (lacks_location AND event_id IN
          (
              SELECT event_id FROM analytics.events_location_raw
              WHERE ingested_at BETWEEN span.1 AND span.2
                AND arrayExists(r -> r.1 = 'location_events' AND epoch = r.2 AND partition = r.3 AND offset >= r.4 AND offset < r.5, taken)
          ))
      )
    GROUP BY day
    UNION ALL
    SELECT {plan:UInt64}, toDate(0), 0
    WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64})
)
ORDER BY cityHash64(day) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
