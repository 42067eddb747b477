-- One row per recently touched day on which ops.purchases differs from the facts.
-- severity: fail
-- table: ops.purchases
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
SELECT f.day AS day, f.purchases AS facts, a.purchases AS counted
FROM
(
    SELECT toDate(event_timestamp) AS day, countIf(page_url_path = '/confirmation') AS purchases,
        sumIf(
            cityHash64(toStartOfHour(event_timestamp), utm_source, utm_campaign, geo_country, geo_region_name,
                if(user_custom_id = '', toUInt128(0), reinterpretAsUInt128(sipHash128(user_custom_id)))),
            page_url_path = '/confirmation') AS content
    FROM analytics.fact_events
    WHERE toDate(event_timestamp) IN (SELECT day FROM touched)
    GROUP BY day
) AS f
LEFT JOIN
(
    SELECT toDate(hour) AS day, count() AS purchases,
        sum(cityHash64(hour, utm_source, utm_campaign, geo_country, geo_region_name, user_key)) AS content
    FROM ops.purchases
    WHERE toDate(hour) IN (SELECT day FROM touched)
    GROUP BY day
) AS a ON a.day = f.day
WHERE f.purchases != a.purchases OR f.content != a.content
ORDER BY day
LIMIT 100
