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

-- One row per session, those of analytics.sessions: the hour it starts in, how long it is, and what dashboards filter by.
-- A day of a click_id is plain when its events lie within 30 minutes, name one source and campaign, and no session goes
-- over its midnights. Others are put together of their half hours, as in analytics.sessions. The join with the hours in
-- which something happened lets a filter on started_hour choose the days. Half hours of the day before and after are joined
-- with the nights: a set of them would be made while the query is planned, for nothing else to run meanwhile.
CREATE OR REPLACE VIEW analytics.session_hours AS
WITH
    over_midnight AS
    (
        SELECT midnight, click_id
        FROM ops.visit_nights
        GROUP BY midnight, click_id
        HAVING min(first_at) <= max(last_at) + INTERVAL 30 MINUTE
    )
SELECT
    toStartOfHour(toDateTime(d.first_at, 'UTC'))                    AS started_hour,
    toUInt32(toDateTime(d.last_at, 'UTC') - toDateTime(d.first_at, 'UTC')) AS duration_s,
    toUInt64(d.event_count)                                         AS event_count,
    length(d.pages)                                                 AS page_count,
    d.utm_source::LowCardinality(String)                            AS utm_source,
    d.utm_campaign::LowCardinality(String)                          AS utm_campaign,
    ifNull(d.geo_country, '')                                       AS geo_country,
    ifNull(d.device_type, '')                                       AS device_type
FROM analytics.visit_days AS d FINAL
WHERE d.last_at <= d.first_at + INTERVAL 30 MINUTE AND d.utm_lowest >= d.utm_highest
  AND (d.day, d.click_id) NOT IN (SELECT arrayJoin([midnight - 1, midnight]), click_id FROM over_midnight)
UNION ALL
SELECT
    hours.started_hour                                              AS started_hour,
    toUInt32(toDateTime(visits.ended_at, 'UTC') - toDateTime(visits.started_at, 'UTC')) AS duration_s,
    visits.event_count                                              AS event_count,
    visits.page_count                                               AS page_count,
    toLowCardinality(visits.utm_source)                             AS utm_source,
    toLowCardinality(visits.utm_campaign)                           AS utm_campaign,
    toLowCardinality(visits.geo_country)                            AS geo_country,
    toLowCardinality(visits.device_type)                            AS device_type
FROM
(
    SELECT
        r.on_day                                                    AS on_day,
        if(r.begun_at < toDateTime64(r.on_day, 6, 'UTC') AND r.slot >= r.noon, toDateTime64(r.noon, 6, 'UTC'), r.begun_at) AS begun,
        min(r.first_at)                                             AS started_at,
        max(r.last_at)                                              AS ended_at,
        sum(r.events)                                               AS event_count,
        length(groupUniqArrayArray(r.pages))                        AS page_count,
        argMinIf(r.utm_source, r.utm_place, r.utm_place != 0)       AS utm_source,
        argMinIf(r.utm_campaign, r.utm_place, r.utm_place != 0)     AS utm_campaign,
        minIf(r.geo_country, r.geo_country != '')                   AS geo_country,
        minIf(r.device_type, r.device_type != '')                   AS device_type
    FROM
    (
        SELECT *, max(if(first_at > before + INTERVAL 30 MINUTE, first_at, toDateTime64(0, 6, 'UTC')))
            OVER (PARTITION BY on_day, click_id ORDER BY first_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS begun_at
        FROM
        (
            SELECT *, toDateTime(on_day, 'UTC') + INTERVAL 12 HOUR AS noon, max(last_at)
                OVER (PARTITION BY on_day, click_id ORDER BY first_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM
            (
                SELECT own.day AS on_day, own.*
                FROM ops.visit_slots AS own
                LEFT SEMI JOIN
                (
                    SELECT d.day AS day, d.click_id AS click_id
                    FROM analytics.visit_days AS d FINAL
                    WHERE d.last_at > d.first_at + INTERVAL 30 MINUTE OR d.utm_lowest < d.utm_highest
                    UNION ALL
                    SELECT arrayJoin([midnight - 1, midnight]) AS day, click_id FROM over_midnight
                ) AS odd ON odd.day = own.day AND odd.click_id = own.click_id
                UNION ALL
                SELECT if(own.slot < toDateTime(own.day, 'UTC') + INTERVAL 12 HOUR, own.day - 1, own.day + 1) AS on_day, own.*
                FROM ops.visit_slots AS own
                LEFT SEMI JOIN over_midnight AS night
                    ON night.midnight = if(own.slot < toDateTime(own.day, 'UTC') + INTERVAL 12 HOUR, own.day, own.day + 1)
                    AND night.click_id = own.click_id
                WHERE own.slot < toDateTime(own.day, 'UTC') + INTERVAL 12 HOUR
                   OR own.slot = toDateTime(own.day, 'UTC') + INTERVAL 1410 MINUTE
            )
        )
    ) AS r
    GROUP BY on_day, click_id, begun
    HAVING toDate(begun) = on_day
) AS visits
INNER JOIN
(
    SELECT DISTINCT hour AS started_hour, toDate(hour) AS day
    FROM ops.browser_device_hours
) AS hours ON hours.started_hour = toStartOfHour(toDateTime(visits.started_at, 'UTC')) AND hours.day = visits.on_day;
