-- One row per recently touched day on which ops.user_days differs from the facts.
-- severity: fail
-- table: ops.user_days
-- help: dim_users and retention_daily show wrong numbers. Rebuild the day's aggregates from the facts.
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
SELECT f.day AS day, f.events AS facts, a.events AS counted, f.users AS users, a.users AS counted_users
FROM
(
    SELECT u.day AS day, sum(u.seen) AS events, count() AS users, sum(cityHash64(u.user, u.first, u.last, u.seen, u.shown)) AS content
    FROM
    (
        SELECT
            toDate(event_timestamp) AS day, assumeNotNull(user_domain_id) AS user,
            min(event_timestamp) AS first, max(event_timestamp) AS last, count() AS seen,
            argMax((user_custom_id, toString(device_type), toString(os_name)), (event_timestamp, event_id)) AS shown
        FROM analytics.fact_events
        WHERE isNotNull(user_domain_id) AND toDate(event_timestamp) IN (SELECT day FROM touched)
        GROUP BY day, user
    ) AS u
    GROUP BY u.day
) AS f
LEFT JOIN
(
    SELECT d.day AS day, sum(d.seen) AS events, count() AS users, sum(cityHash64(d.user, d.first, d.last, d.seen, d.shown)) AS content
    FROM
    (
        SELECT
            date AS day, user_domain_id AS user,
            min(first_seen) AS first, max(last_seen) AS last, sum(total_events) AS seen, argMaxMerge(last_event) AS shown
        FROM ops.user_days
        WHERE date IN (SELECT day FROM touched)
        GROUP BY day, user
    ) AS d
    GROUP BY d.day
) AS a ON a.day = f.day
WHERE f.events != a.events OR f.users != a.users OR f.content != a.content
ORDER BY day
LIMIT 100
