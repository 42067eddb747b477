-- One row per recently touched day on which ops.browser_device_hours differs from the facts.
-- severity: fail
-- table: ops.browser_device_hours
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
SELECT f.day AS day, f.events AS facts, a.events AS counted, f.purchases AS purchases, a.purchases AS counted_purchases
FROM
(
    SELECT toDate(event_timestamp) AS day, count() AS events, countIf(page_url_path = '/confirmation') AS purchases,
        uniqExact(toStartOfHour(event_timestamp), browser_name, device_type) AS groups
    FROM analytics.fact_events
    WHERE toDate(event_timestamp) IN (SELECT day FROM touched)
    GROUP BY day
) AS f
LEFT JOIN
(
    SELECT toDate(hour) AS day, sum(total_event_count) AS events, sum(buy_cnt) AS purchases,
        uniqExact(hour, browser_name, device_type) AS groups
    FROM ops.browser_device_hours
    WHERE toDate(hour) IN (SELECT day FROM touched)
    GROUP BY day
) AS a ON a.day = f.day
WHERE f.events != a.events OR f.purchases != a.purchases OR f.groups != a.groups
ORDER BY day
LIMIT 100
