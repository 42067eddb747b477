-- One row per hour, product page, browser and device of {day} with views that led to a purchase, and one row without views.
INSERT INTO ops.leading_hours (day, print, hour, page_url, browser_name, device_type, cnt)
SELECT {day:Date}, {print:UInt64}, hour, page_url, browser_name, device_type, cnt
FROM
(
    SELECT hour, page_url, browser_name, device_type, cnt
    FROM analytics.browser_device_hourly_buy_leading_pages_agg
    WHERE hour >= toDateTime({day:Date}, 'UTC') AND hour < toDateTime({day:Date} + 1, 'UTC')
    UNION ALL
    SELECT toDateTime({day:Date}, 'UTC') AS hour, '' AS page_url, '' AS browser_name, '' AS device_type, toUInt64(0) AS cnt
)
WHERE {print:UInt64} = (SELECT print FROM ops.leading_prints WHERE day = {day:Date})
ORDER BY hour, page_url, browser_name, device_type
SETTINGS max_threads = 1
