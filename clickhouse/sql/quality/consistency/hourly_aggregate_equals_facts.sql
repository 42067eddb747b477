-- One row per recently touched day on which agg_events_hourly differs from the facts.
-- severity: fail
-- table: analytics.agg_events_hourly
-- help: Dashboards show wrong numbers for this day. Rebuild the day's aggregates from the facts.
WITH
    touched AS
    (
        SELECT day
        FROM
        (
            SELECT DISTINCT toDate(event_timestamp) AS day
            FROM analytics.fact_events
            WHERE created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
            UNION DISTINCT
            SELECT arrayJoin(days) AS day
            FROM ops.plans
            WHERE kind != 'retire' AND as_of >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
        )
        WHERE day NOT IN (SELECT arrayJoin(days) FROM ops.plans WHERE plan NOT IN (SELECT plan FROM ops.plans_done))
          AND day NOT IN
          (
              SELECT toDate(event_timestamp) FROM ops.matched WHERE action = 'fact' AND plan NOT IN (SELECT plan FROM ops.plans_done)
          )
    )
SELECT f.day AS day, f.events AS facts, a.events AS aggregated
FROM
(
    SELECT toDate(event_timestamp) AS day, count() AS events, uniq(user_domain_id) AS users, uniq(click_id) AS clicks
    FROM analytics.fact_events
    WHERE toDate(event_timestamp) IN (SELECT day FROM touched)
    GROUP BY day
) AS f
LEFT JOIN
(
    SELECT toDate(event_hour) AS day, countMerge(total_events) AS events, uniqMerge(unique_users) AS users, uniqMerge(unique_clicks) AS clicks
    FROM analytics.agg_events_hourly
    WHERE toDate(event_hour) IN (SELECT day FROM touched)
    GROUP BY day
) AS a ON a.day = f.day
WHERE f.events != a.events OR f.users != a.users OR f.clicks != a.clicks
ORDER BY day
LIMIT 100
