-- One row per recently touched day on which analytics.visit_days differs from the facts.
-- severity: fail
-- table: analytics.visit_days
-- help: Dashboards show wrong sessions for this day. Rebuild the day's aggregates from the facts.
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
SELECT f.day AS day, f.events AS facts, a.events AS counted, f.visits AS visits, a.visits AS counted_visits
FROM
(
    SELECT v.day AS day, sum(seen) AS events, count() AS visits,
        sum(cityHash64(click, first, last, seen, paths, lowest, highest, source, campaign, country, device)) AS content
    FROM
    (
        SELECT
            toDate(event_timestamp) AS day, click_id AS click, min(event_timestamp) AS first, max(event_timestamp) AS last, count() AS seen,
            arraySort(groupUniqArrayIf(cityHash64(page_url_path), page_url_path != '')) AS paths,
            minOrDefaultIf(cityHash64(utm_source, utm_campaign), concat(utm_source, utm_campaign) != '') AS lowest,
            maxOrDefaultIf(cityHash64(utm_source, utm_campaign), concat(utm_source, utm_campaign) != '') AS highest,
            max(utm_source) AS source, max(utm_campaign) AS campaign,
            minIf(geo_country, geo_country != '') AS country, minIf(device_type, device_type != '') AS device
        FROM analytics.fact_events
        WHERE toDate(event_timestamp) IN (SELECT day FROM touched)
        GROUP BY day, click
    ) AS v
    GROUP BY v.day
) AS f
LEFT JOIN
(
    SELECT d.day AS day, sum(d.event_count) AS events, count() AS visits,
        sum(cityHash64(d.click_id, d.first_at, d.last_at, d.event_count, arraySort(d.pages), if(d.utm_highest = 0, 0, d.utm_lowest),
            d.utm_highest, d.utm_source, d.utm_campaign, ifNull(d.geo_country, ''), ifNull(d.device_type, ''))) AS content
    FROM analytics.visit_days AS d FINAL
    WHERE d.day IN (SELECT day FROM touched)
    GROUP BY d.day
) AS a ON a.day = f.day
WHERE f.events != a.events OR f.visits != a.visits OR f.content != a.content
ORDER BY day
LIMIT 100
