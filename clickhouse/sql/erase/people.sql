-- One row per user_domain_id and user_custom_id of the person: those asked for, and those that stand beside them; one that closes the piece.
INSERT INTO ops.{keys:Identifier}
WITH
    asked AS (SELECT user_ids, names FROM ops.{requests:Identifier} WHERE request_id = {request:UUID} LIMIT 1),
    asked_users AS (SELECT arrayJoin(user_ids) AS id FROM asked),
    asked_names AS (SELECT arrayJoin(names) AS name FROM asked),
    found AS
    (
        SELECT DISTINCT toString(assumeNotNull(user_domain_id)) AS user, user_custom_id AS name
        FROM
        (
            SELECT user_domain_id, user_custom_id FROM ops.visits WHERE part = 'device'
            UNION ALL
            SELECT user_domain_id, user_custom_id FROM analytics.events_device_raw
            UNION ALL
            SELECT user_domain_id, user_custom_id FROM analytics.fact_events
            UNION ALL
            SELECT user_domain_id, user_custom_id FROM analytics.dim_users
        )
        WHERE isNotNull(user_domain_id)
          AND (user_domain_id IN (SELECT id FROM asked_users) OR (user_custom_id != '' AND lower(user_custom_id) IN (SELECT name FROM asked_names)))
    )
SELECT {plan:UInt64}, of_kind, of_value
FROM
(
    SELECT 'user' AS of_kind, user AS of_value FROM found
    UNION DISTINCT SELECT 'user', toString(id) FROM asked_users
    UNION DISTINCT SELECT 'name', arrayJoin([name, lower(name)]) FROM found WHERE name != ''
    UNION DISTINCT SELECT 'name', name FROM asked_names
    UNION DISTINCT SELECT 'end', {mark:String} FROM asked
)
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
ORDER BY cityHash64(of_kind, of_value) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
