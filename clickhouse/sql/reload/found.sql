-- One row per place and, for facts and the quarantine, plan that had built them: rows that go with the objects.
WITH
    (
        SELECT groupUniqArrayArray(arrayMap(u -> (topic, u.1, u.2, u.3), until))
        FROM ops.{requests:Identifier}
        WHERE request_id = {request:UUID}
    ) AS kept,
    asked AS (SELECT object, topic FROM ops.{requests:Identifier} WHERE request_id = {request:UUID})
SELECT place, build, rows
FROM
(
    SELECT 'analytics.fact_events' AS place, build, uniqExact(event_id) AS rows
    FROM ops.{sheet:Identifier}
    WHERE plan = {plan:UInt64} AND action = 'remove'
      AND (build, event_id) NOT IN (SELECT build, event_id FROM ops.{sheet:Identifier} WHERE plan = {plan:UInt64} AND action = 'put')
    GROUP BY build
    UNION ALL
    SELECT 'ops.quarantine', build, count()
    FROM ops.quarantine
    WHERE (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
    OR (event_id, sipHash64(event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent)) IN (SELECT event_id, content_hash FROM ops.{sheet:Identifier} WHERE plan = {plan:UInt64} AND action = 'put')
    OR (event_id, sipHash64(event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent)) IN (SELECT event_id, sipHash64(event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent) FROM ops.waiting WHERE plan = {plan:UInt64} AND kind = 'event')
    GROUP BY build
    UNION ALL
    SELECT 'analytics.events_browser_raw', 0, count() FROM analytics.events_browser_raw WHERE (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
    UNION ALL
    SELECT 'analytics.events_device_raw', 0, count() FROM analytics.events_device_raw WHERE (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
    UNION ALL
    SELECT 'analytics.events_geo_raw', 0, count() FROM analytics.events_geo_raw WHERE (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
    UNION ALL
    SELECT 'analytics.events_location_raw', 0, count() FROM analytics.events_location_raw WHERE (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
    UNION ALL
    SELECT 'ops.waiting', 0, count() FROM ops.waiting WHERE plan = {before:UInt64} AND kind != 'end' AND (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
    UNION ALL
    SELECT 'ops.dead_letters', 0, count() FROM ops.dead_letters WHERE (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
    UNION ALL
    SELECT 'ops.rejects', 0, count()
    FROM ops.rejects
    WHERE origin IN (SELECT object FROM asked)
      AND rejected_at < (SELECT max(requested_at) FROM ops.{requests:Identifier} WHERE request_id = {request:UUID})
    UNION ALL
    SELECT 'ops.visits', 0, count() FROM ops.visits WHERE origin IN (SELECT object FROM asked) AND (plan < {plan:UInt64} OR {plan:UInt64} = 0)
)
WHERE rows > 0
ORDER BY place, build
