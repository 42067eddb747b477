-- One row per recently touched day on which ops.product_views differs from the facts.
-- severity: fail
-- table: ops.product_views
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
SELECT f.day AS day, f.views AS facts, a.views AS counted
FROM
(
    SELECT toDate(event_timestamp) AS day, countIf(startsWith(page_url_path, '/product_') AND user_custom_id != '') AS views,
        sumIf(cityHash64(event_timestamp, reinterpretAsUInt128(sipHash128(user_custom_id)), page_url_path, browser_name, device_type),
            startsWith(page_url_path, '/product_') AND user_custom_id != '') AS content
    FROM analytics.fact_events
    WHERE toDate(event_timestamp) IN (SELECT day FROM touched)
    GROUP BY day
) AS f
LEFT JOIN
(
    SELECT toDate(hour) AS day, count() AS views, sum(cityHash64(viewed_at, user_key, page_url, browser_name, device_type)) AS content
    FROM ops.product_views
    WHERE toDate(hour) IN (SELECT day FROM touched)
    GROUP BY day
) AS a ON a.day = f.day
WHERE f.views != a.views OR f.content != a.content
ORDER BY day
LIMIT 100
