-- One row per known user: first and last event, how many, and the device of the last one.
INSERT INTO analytics.{target:Identifier}
SELECT
    user_domain_id, (last.1) AS user_custom_id, first_seen, last_seen, total_events, (last.2) AS device_type, (last.3) AS os_name
FROM
(
    SELECT
        user_domain_id,
        min(first_seen)           AS first_seen,
        max(last_seen)            AS last_seen,
        sum(total_events)         AS total_events,
        argMaxMerge(last_event)   AS last
    FROM ops.user_days
    GROUP BY user_domain_id
)
