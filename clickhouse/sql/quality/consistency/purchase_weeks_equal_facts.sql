-- One row per recently touched day on which ops.purchase_weeks differs from the facts.
-- severity: fail
-- table: ops.purchase_weeks
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
SELECT f.day AS day, f.purchases AS facts, a.entries / 2 AS counted
FROM
(
    SELECT toDate(event_timestamp) AS day, countIf(page_url_path = '/confirmation' AND user_custom_id != '') AS purchases,
        intDiv(toUInt16(day), 7) AS week,
        sumIf(cityHash64(event_timestamp, reinterpretAsUInt128(sipHash128(user_custom_id))), page_url_path = '/confirmation' AND user_custom_id != '') AS content
    FROM analytics.fact_events
    WHERE toDate(event_timestamp) IN (SELECT day FROM touched)
    GROUP BY day
) AS f
LEFT JOIN
(
    SELECT toDate(purchased_at) AS day, count() AS entries, sum(week) AS weeks, sum(cityHash64(purchased_at, user_key)) AS content
    FROM ops.purchase_weeks
    WHERE toDate(purchased_at) IN (SELECT day FROM touched)
    GROUP BY day
) AS a ON a.day = f.day
WHERE a.entries != f.purchases * 2 OR a.weeks != f.purchases * (f.week * 2 - 1) OR a.content != f.content * 2
ORDER BY day
LIMIT 100
