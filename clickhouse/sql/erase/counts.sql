-- One row per place: rows of the person there, facts and quarantine by the plan that had built them; one that closes the erasure.
INSERT INTO ops.erasures
WITH clicks AS (SELECT toUUID(value) AS id FROM ops.erasure_keys WHERE plan = {plan:UInt64} AND kind = 'click'),
     events AS (SELECT toUUID(value) AS id FROM ops.erasure_keys WHERE plan = {plan:UInt64} AND kind = 'event')
SELECT {plan:UInt64}, {request:UUID}, of_place, of_build, of_rows, (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1)
FROM
(
    SELECT 'analytics.fact_events' AS of_place, build AS of_build, count() AS of_rows
    FROM analytics.fact_events
    WHERE click_id IN (SELECT id FROM clicks)
    GROUP BY build
    UNION ALL
    SELECT 'ops.quarantine', build, count()
    FROM ops.quarantine
    WHERE click_id IN (SELECT id FROM clicks) OR event_id IN (SELECT id FROM events)
    GROUP BY build
    UNION ALL
    SELECT 'waiting', 0, count()
    FROM ops.waiting
    WHERE plan = {plan:UInt64} - 1 AND kind = 'event' AND (click_id IN (SELECT id FROM clicks) OR event_id IN (SELECT id FROM events))
    UNION ALL
    SELECT place, 0, rows FROM (SELECT arrayJoin({others:Array(Tuple(String, UInt64))}) AS other, other.1 AS place, other.2 AS rows)
    UNION ALL
    SELECT 'end', 0, 0 FROM ops.erasure_requests WHERE request_id = {request:UUID}
)
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
ORDER BY cityHash64(of_place, of_build) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
