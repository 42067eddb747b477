-- One row per hour, product page, browser and device of {day} with views that a purchase before today followed in seven days, and one row without views.
INSERT INTO ops.leading_hours (day, print, hour, page_url, browser_name, device_type, cnt)
SELECT {day:Date}, {print:UInt64}, hour, page_url, browser_name, device_type, cnt
FROM
(
    SELECT v.hour AS hour, v.page_url AS page_url, v.browser_name AS browser_name, v.device_type AS device_type, count() AS cnt
    FROM (SELECT * FROM ops.product_views WHERE toDate(hour) = {day:Date}) AS v
    ASOF INNER JOIN
    (
        SELECT user_key, purchased_at
        FROM ops.purchase_weeks
        WHERE toDate(purchased_at) BETWEEN {day:Date} AND {day:Date} + 7 AND toDate(purchased_at) < toDate(now('UTC'))
          AND week = toUInt16(intDiv(toUInt16(toDate(purchased_at)), 7)) -- each purchase has a second row
    ) AS p ON p.user_key = v.user_key AND p.purchased_at >= v.viewed_at
    WHERE p.purchased_at <= v.viewed_at + INTERVAL 7 DAY
    GROUP BY hour, page_url, browser_name, device_type
    UNION ALL
    SELECT toDateTime({day:Date}, 'UTC') AS hour, '' AS page_url, '' AS browser_name, '' AS device_type, toUInt64(0) AS cnt
)
WHERE {print:UInt64} = (SELECT print FROM ops.leading_prints WHERE day = {day:Date})
ORDER BY hour, page_url, browser_name, device_type
SETTINGS max_threads = 1
