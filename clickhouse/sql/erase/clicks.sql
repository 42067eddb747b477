-- One row per click_id of the person; one that closes the piece.
INSERT INTO ops.{keys:Identifier}
WITH
    users AS (SELECT toUUID(value) AS id FROM ops.{keys:Identifier} WHERE plan = {plan:UInt64} AND kind = 'user'),
    names AS (SELECT value AS name FROM ops.{keys:Identifier} WHERE plan = {plan:UInt64} AND kind = 'name')
SELECT {plan:UInt64}, of_kind, of_value
FROM
(
    SELECT DISTINCT 'click' AS of_kind, toString(click_id) AS of_value
    FROM
    (
        SELECT click_id, user_domain_id, user_custom_id FROM ops.visits WHERE part = 'device'
        UNION ALL
        SELECT click_id, user_domain_id, user_custom_id FROM analytics.events_device_raw
        UNION ALL
        SELECT click_id, user_domain_id, user_custom_id FROM analytics.fact_events
        UNION ALL
        SELECT click_id, user_domain_id, '' FROM ops.visit_slots -- of days that are retired nothing else has both
    )
    WHERE user_domain_id IN (SELECT id FROM users) OR (user_custom_id != '' AND lower(user_custom_id) IN (SELECT name FROM names))
    UNION ALL
    SELECT 'end', {mark:String} FROM ops.{requests:Identifier} WHERE request_id = {request:UUID}
)
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
ORDER BY cityHash64(of_kind, of_value) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
