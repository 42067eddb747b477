-- One row when the views before purchases of the newest counted day are others than looking them up finds.
-- severity: fail
-- table: ops.leading_hours
-- help: Leading pages of this day are wrong. Delete its rows from ops.leading_hours and run `headwater run build_dwh_layer`, which counts it anew; look at days before it too.
WITH
    (
        SELECT max(day)
        FROM ops.leading_hours
        WHERE page_url = '' AND (day, print) IN (SELECT day, print FROM ops.leading_prints)
          AND day NOT IN
          (
              SELECT toDate(event_timestamp) - arrayJoin(range(8))
              FROM ops.matched
              WHERE action = 'fact' AND plan NOT IN (SELECT plan FROM ops.plans_done)
          )
    ) AS newest
SELECT newest AS day, v.views AS views, c.views AS counted
FROM
(
    SELECT sum(cnt) AS views, sum(cityHash64(hour, page_url, browser_name, device_type, cnt)) AS content
    FROM
    (
        SELECT w.hour AS hour, w.page_url AS page_url, w.browser_name AS browser_name, w.device_type AS device_type, count() AS cnt
        FROM (SELECT * FROM ops.product_views WHERE toDate(hour) = newest) AS w
        ASOF INNER JOIN
        (
            SELECT user_key, purchased_at
            FROM ops.purchase_weeks
            WHERE toDate(purchased_at) BETWEEN newest AND newest + 7 AND toDate(purchased_at) < toDate(now('UTC'))
              AND week = toUInt16(intDiv(toUInt16(toDate(purchased_at)), 7)) -- each purchase has a second row
        ) AS p ON p.user_key = w.user_key AND p.purchased_at >= w.viewed_at
        WHERE p.purchased_at <= w.viewed_at + INTERVAL 7 DAY
        GROUP BY hour, page_url, browser_name, device_type
    )
) AS v
CROSS JOIN
(
    SELECT sum(cnt) AS views, sum(cityHash64(hour, page_url, browser_name, device_type, cnt)) AS content
    FROM
    (
        SELECT l.hour AS hour, l.page_url AS page_url, l.browser_name AS browser_name, l.device_type AS device_type, toUInt64(max(l.cnt)) AS cnt
        FROM ops.leading_hours AS l
        WHERE l.day = newest AND l.page_url != '' AND (l.day, l.print) IN (SELECT day, print FROM ops.leading_prints)
        GROUP BY hour, page_url, browser_name, device_type
    )
) AS c
WHERE v.views != c.views OR v.content != c.content
LIMIT 100
