-- One row per recently touched day on which ops.geo_days differs from the facts.
-- severity: fail
-- table: ops.geo_days
-- help: dim_geo may lack places, or show some that no fact has. Rebuild the day's aggregates from the facts.
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
SELECT f.day AS day, f.events AS facts, a.events AS counted, f.places AS places, a.places AS counted_places
FROM
(
    SELECT p.day AS day, sum(p.seen) AS events, count() AS places, sum(cityHash64(p.place, p.country, p.region, p.timezone, p.seen)) AS content
    FROM
    (
        SELECT
            toDate(event_timestamp) AS day, assumeNotNull(geo_id) AS place, geo_country AS country, geo_region_name AS region,
            geo_timezone AS timezone, count() AS seen
        FROM analytics.fact_events
        WHERE isNotNull(geo_id) AND toDate(event_timestamp) IN (SELECT day FROM touched)
        GROUP BY day, place, country, region, timezone
    ) AS p
    GROUP BY p.day
) AS f
LEFT JOIN
(
    SELECT d.day AS day, sum(d.seen) AS events, count() AS places, sum(cityHash64(d.place, d.country, d.region, d.timezone, d.seen)) AS content
    FROM
    (
        SELECT
            date AS day, geo_id AS place, geo_country AS country, geo_region_name AS region, geo_timezone AS timezone, sum(events) AS seen
        FROM ops.geo_days
        WHERE date IN (SELECT day FROM touched)
        GROUP BY day, place, country, region, timezone
    ) AS d
    GROUP BY d.day
) AS a ON a.day = f.day
WHERE f.events != a.events OR f.places != a.places OR f.content != a.content
ORDER BY day
LIMIT 100
