-- One row per recently touched day on which ops.visit_slots differs from the facts.
-- severity: fail
-- table: ops.visit_slots
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
SELECT f.day AS day, f.events AS facts, a.events AS counted, f.clicks AS clicks, a.clicks AS counted_clicks
FROM
(
    SELECT toDate(event_timestamp) AS day, count() AS events, countIf(page_url_path = '/confirmation') AS purchases,
        uniqExact(click_id) AS clicks, min(event_timestamp) AS first_at, max(event_timestamp) AS last_at
    FROM analytics.fact_events
    WHERE toDate(event_timestamp) IN (SELECT day FROM touched)
    GROUP BY day
) AS f
LEFT JOIN
(
    SELECT s.day AS day, sum(s.events) AS events, sum(s.purchases) AS purchases,
        uniqExact(s.click_id) AS clicks, min(s.first_at) AS first_at, max(s.last_at) AS last_at
    FROM ops.visit_slots AS s
    WHERE s.day IN (SELECT day FROM touched)
    GROUP BY s.day
) AS a ON a.day = f.day
WHERE f.events != a.events OR f.purchases != a.purchases OR f.clicks != a.clicks OR f.first_at != a.first_at OR f.last_at != a.last_at
ORDER BY day
LIMIT 100
