-- One row per event id, day of facts and address of the person's visits; one that closes the piece.
INSERT INTO ops.{keys:Identifier}
WITH clicks AS (SELECT toUUID(value) AS id FROM ops.{keys:Identifier} WHERE plan = {plan:UInt64} AND kind = 'click')
SELECT {plan:UInt64}, of_kind, of_value
FROM
(
    SELECT DISTINCT 'event' AS of_kind, toString(event_id) AS of_value
    FROM
    (
        SELECT event_id FROM analytics.events_browser_raw WHERE click_id IN (SELECT id FROM clicks)
        UNION ALL
        SELECT event_id FROM analytics.fact_events WHERE click_id IN (SELECT id FROM clicks)
        UNION ALL
        SELECT event_id FROM ops.waiting WHERE kind = 'event' AND click_id IN (SELECT id FROM clicks)
        UNION ALL
        SELECT event_id FROM ops.quarantine WHERE click_id IN (SELECT id FROM clicks)
        UNION ALL
        SELECT event_id FROM analytics.fact_interactions WHERE click_id IN (SELECT id FROM clicks)
    )
    UNION ALL
    SELECT DISTINCT 'day', toString(toDate(event_timestamp)) FROM analytics.fact_events WHERE click_id IN (SELECT id FROM clicks)
    UNION ALL
    SELECT DISTINCT 'address', ip_address
    FROM
    (
        SELECT ip_address FROM ops.visits WHERE part = 'geo' AND click_id IN (SELECT id FROM clicks)
        UNION ALL
        SELECT ip_address FROM analytics.events_geo_raw WHERE click_id IN (SELECT id FROM clicks)
        UNION ALL
        SELECT ip_address FROM analytics.fact_events WHERE click_id IN (SELECT id FROM clicks)
    )
    WHERE ip_address != ''
    UNION ALL
    SELECT 'end', {mark:String} FROM ops.{requests:Identifier} WHERE request_id = {request:UUID}
)
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
ORDER BY cityHash64(of_kind, of_value) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
