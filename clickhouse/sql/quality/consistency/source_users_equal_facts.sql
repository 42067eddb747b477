-- One row per recently touched day on which ops.source_user_hours differs from the facts.
-- severity: fail
-- table: ops.source_user_hours
-- help: Marts show wrong numbers for this day. Rebuild the day's aggregates from the facts.
WITH
    touched AS
    (
        SELECT DISTINCT toDate(event_timestamp) AS day
        FROM analytics.fact_events
        WHERE created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
          AND toDate(event_timestamp) NOT IN
          (
              SELECT toDate(event_timestamp) FROM ops.matched WHERE action = 'fact' AND plan NOT IN (SELECT plan FROM ops.plans_done)
          )
    )
SELECT f.day AS day, f.users AS facts, a.users AS counted
FROM
(
    SELECT toDate(hour) AS day, sum(users) AS users
    FROM
    (
        SELECT toStartOfHour(event_timestamp) AS hour, uniqExactIf(user_custom_id, user_custom_id != '') AS users
        FROM analytics.fact_events
        WHERE toDate(event_timestamp) IN (SELECT day FROM touched)
        GROUP BY hour, utm_source
    )
    GROUP BY day
) AS f
LEFT JOIN
(
    SELECT toDate(hour) AS day, sum(distinct_users) AS users
    FROM
    (
        SELECT hour, uniqExactMerge(users) AS distinct_users
        FROM ops.source_user_hours
        WHERE toDate(hour) IN (SELECT day FROM touched)
        GROUP BY hour, utm_source
    )
    GROUP BY day
) AS a ON a.day = f.day
WHERE f.users != a.users
ORDER BY day
LIMIT 100
