-- Users by first day and days since then. Days of a user that stand in several parts are the same day.
CREATE OR REPLACE VIEW analytics.retention_daily AS
SELECT
    arrayMin(days)               AS cohort_date,
    toUInt32(seen - cohort_date) AS day_number,
    count()                      AS users
FROM
(
    SELECT groupArray(date) AS days
    FROM ops.user_days
    GROUP BY user_domain_id
)
ARRAY JOIN arrayDistinct(days) AS seen
GROUP BY cohort_date, day_number;

-- One row per day with product views: a hash of them and of the purchases of that day and the seven days after it, as far
-- as these days are over: the purchases of today leave it as it is.
CREATE OR REPLACE VIEW ops.leading_prints AS
SELECT v.day AS day, cityHash64(v.print, ifNull(p.print, 0)) AS print
FROM
(
    SELECT toDate(hour) AS day, sum(cityHash64(user_key, viewed_at, page_url, browser_name, device_type)) AS print
    FROM ops.product_views
    GROUP BY toDate(hour)
) AS v
LEFT JOIN
(
    SELECT bought - back AS day, sum(d.print) AS print
    FROM
    (
        SELECT toDate(purchased_at) AS bought, sum(cityHash64(week, user_key, purchased_at)) AS print
        FROM ops.purchase_weeks
        WHERE toDate(purchased_at) < toDate(now('UTC'))
        GROUP BY toDate(purchased_at)
    ) AS d
    ARRAY JOIN range(8) AS back
    GROUP BY day
) AS p ON p.day = v.day;

-- One row per hour, product page, browser and device: views that a purchase of the same known user follows within seven
-- days, each counted once. Three kinds of them, of which a view is in one at most:
-- of days that were counted and have not changed since, those that a purchase before today follows, from ops.leading_hours;
-- of all other days those whose next purchase follows in time, which is looked up;
-- of counted days those that only purchases of today follow. Where nobody has bought today, their views are not read.
CREATE OR REPLACE VIEW analytics.browser_device_hourly_buy_leading_pages_agg AS
WITH open_days AS
    (
        SELECT day
        FROM ops.leading_prints
        WHERE (day, print) NOT IN (SELECT day, print FROM ops.leading_hours WHERE page_url = '')
    )
SELECT
    l.hour             AS hour,
    l.page_url         AS page_url,
    l.browser_name     AS browser_name,
    l.device_type      AS device_type,
    toUInt64(max(l.cnt)) AS cnt
FROM ops.leading_hours AS l
WHERE (l.day, l.print) IN (SELECT day, print FROM ops.leading_prints) AND l.page_url != ''
GROUP BY l.hour, l.page_url, l.browser_name, l.device_type
UNION ALL
SELECT
    v.hour         AS hour,
    v.page_url     AS page_url,
    v.browser_name AS browser_name,
    v.device_type  AS device_type,
    count()        AS cnt
FROM
(
    SELECT hour, page_url, browser_name, device_type, user_key, viewed_at
    FROM ops.product_views
    WHERE toDate(hour) IN (SELECT day FROM open_days)
) AS v
ASOF INNER JOIN
(
    SELECT user_key, purchased_at
    FROM ops.purchase_weeks
    WHERE toDate(purchased_at) IN (SELECT arrayJoin(arrayMap(later -> day + later, range(8))) FROM open_days)
      AND week = toUInt16(intDiv(toUInt16(toDate(purchased_at)), 7))
) AS p ON p.user_key = v.user_key AND p.purchased_at >= v.viewed_at
WHERE p.purchased_at <= v.viewed_at + INTERVAL 7 DAY
GROUP BY v.hour, v.page_url, v.browser_name, v.device_type
UNION ALL
SELECT
    v.hour         AS hour,
    v.page_url     AS page_url,
    v.browser_name AS browser_name,
    v.device_type  AS device_type,
    count()        AS cnt
FROM
(
    SELECT hour, page_url, browser_name, device_type, user_key, viewed_at
    FROM ops.product_views
    WHERE toDate(hour) >= toDate(now('UTC')) - 7 AND toDate(hour) NOT IN (SELECT day FROM open_days)
) AS v
INNER JOIN
(
    SELECT user_key, groupArray(purchased_at) AS bought
    FROM ops.purchase_weeks
    WHERE toDate(purchased_at) >= toDate(now('UTC')) - 7
      AND week = toUInt16(intDiv(toUInt16(toDate(purchased_at)), 7))
      AND user_key IN (SELECT user_key FROM ops.purchase_weeks WHERE toDate(purchased_at) >= toDate(now('UTC')))
    GROUP BY user_key
) AS p ON p.user_key = v.user_key
WHERE arrayExists(at -> at >= v.viewed_at AND at <= v.viewed_at + INTERVAL 7 DAY, p.bought)
  AND NOT arrayExists(at -> at >= v.viewed_at AND at <= v.viewed_at + INTERVAL 7 DAY AND toDate(at) < toDate(now('UTC')), p.bought)
GROUP BY v.hour, v.page_url, v.browser_name, v.device_type;
