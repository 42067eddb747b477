-- One row per recently touched day on which analytics.visit_hours differs from the facts.
-- severity: fail
-- table: analytics.visit_hours
-- help: Dashboards show wrong numbers for this day. Rebuild the day's aggregates from the facts.
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
SELECT f.day AS day, f.events AS facts, a.events AS counted, f.rows AS rows, a.rows AS counted_rows
FROM
(
    SELECT day, sum(seen) AS events, count() AS rows,
        sum(cityHash64(hour, source, medium, campaign, country, region, device, browser, click, user, types, seen, purchases, step, places, north, east)) AS content
    FROM
    (
        SELECT
            toDate(event_timestamp) AS day, toStartOfHour(event_timestamp) AS hour,
            utm_source AS source, utm_medium AS medium, utm_campaign AS campaign, geo_country AS country, geo_region_name AS region,
            device_type AS device, browser_name AS browser, cityHash64(click_id) AS click, ifNull(cityHash64(user_domain_id), 0) AS user,
            arraySort(groupUniqArray(toString(event_type))) AS types, count() AS seen,
            countIf(page_url_path = '/confirmation') AS purchases,
            max(multiIf(page_url_path = '/confirmation', 5, page_url_path = '/payment', 4, page_url_path = '/cart', 3,
                startsWith(page_url_path, '/product_'), 2, page_url_path IN ('/', '/home'), 1, 0)) AS step,
            count(geo_latitude + geo_longitude) AS places,
            sum(if(isNull(geo_longitude), 0, toInt64(round(ifNull(geo_latitude, 0) * 10000000)))) AS north,
            sum(if(isNull(geo_latitude), 0, toInt64(round(ifNull(geo_longitude, 0) * 10000000)))) AS east
        FROM analytics.fact_events
        WHERE toDate(event_timestamp) IN (SELECT day FROM touched)
        GROUP BY day, hour, source, medium, campaign, country, region, device, browser, click, user
    )
    GROUP BY day
) AS f
LEFT JOIN
(
    SELECT toDate(hour) AS day, sum(event_count) AS events, count() AS rows,
        sum(cityHash64(hour, utm_source, utm_medium, utm_campaign, geo_country, geo_region_name, device_type, browser_name, click_key,
            user_key, arraySort(event_types), event_count, purchase_count, furthest_step, located, latitude_e7, longitude_e7)) AS content
    FROM analytics.visit_hours FINAL
    WHERE toDate(hour) IN (SELECT day FROM touched)
    GROUP BY day
) AS a ON a.day = f.day
WHERE f.events != a.events OR f.rows != a.rows OR f.content != a.content
ORDER BY day
LIMIT 100
