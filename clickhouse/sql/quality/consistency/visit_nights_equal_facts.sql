-- One row per recently touched day on which ops.visit_nights differs from the facts.
-- severity: fail
-- table: ops.visit_nights
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
SELECT f.day AS day, f.visits AS facts, a.visits AS counted
FROM
(
    SELECT v.day AS day, countIf(v.early > 0) + countIf(v.late > 0) AS visits, sum(if(v.early > 0, cityHash64(v.click, v.first), 0))
        + sum(if(v.late > 0, cityHash64(v.click, v.last), 0)) AS content
    FROM
    (
        SELECT toDate(event_timestamp) AS day, click_id AS click, min(event_timestamp) AS first, max(event_timestamp) AS last,
            countIf(toHour(event_timestamp) = 0 AND toMinute(event_timestamp) < 30) AS early,
            countIf(toHour(event_timestamp) = 23 AND toMinute(event_timestamp) >= 30) AS late
        FROM analytics.fact_events
        WHERE toDate(event_timestamp) IN (SELECT day FROM touched)
        GROUP BY day, click
    ) AS v
    GROUP BY v.day
) AS f
LEFT JOIN
(
    SELECT n.day AS day, count() AS visits, sum(cityHash64(n.click_id, assumeNotNull(if(n.midnight = n.day, n.first_at, n.last_at)))) AS content
    FROM ops.visit_nights AS n FINAL
    WHERE n.day IN (SELECT day FROM touched)
    GROUP BY n.day
) AS a ON a.day = f.day
WHERE f.visits != a.visits OR f.content != a.content
ORDER BY day
LIMIT 100
