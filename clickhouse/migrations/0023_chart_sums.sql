-- Sums by hour for charts over many days. They are projections: each part of a table holds its own, so that they change
-- with its rows at every insert, merge, swap and deletion. A query that asks for more, or filters by more, reads the rows.

-- A merge that takes out or adds up rows makes them anew.
ALTER TABLE analytics.fact_events MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE analytics.fact_events ADD PROJECTION IF NOT EXISTS page_hours
(
    SELECT event_hour, event_type, came_from, page_url_path, count(), countIf(page_url_path = '/confirmation')
    GROUP BY event_hour, event_type, came_from, page_url_path
);

ALTER TABLE analytics.fact_events ADD PROJECTION IF NOT EXISTS lag_hours
(
    SELECT event_hour, dateDiff('second', event_timestamp, created_at), count()
    GROUP BY event_hour, dateDiff('second', event_timestamp, created_at)
);

ALTER TABLE analytics.fact_events MATERIALIZE PROJECTION page_hours;

ALTER TABLE analytics.fact_events MATERIALIZE PROJECTION lag_hours;

ALTER TABLE analytics.visit_hours MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE analytics.visit_hours ADD PROJECTION IF NOT EXISTS source_hours
(
    SELECT
        hour, utm_source, utm_medium, utm_campaign,
        sum(event_count), sum(purchase_count), uniq(click_key), uniqIf(user_key, user_key != 0)
    GROUP BY hour, utm_source, utm_medium, utm_campaign
);

ALTER TABLE analytics.visit_hours MATERIALIZE PROJECTION source_hours;

-- One row per hour and seconds from an event until it stood in the facts: how many events.
CREATE OR REPLACE VIEW analytics.build_lags AS
SELECT event_hour AS hour, dateDiff('second', event_timestamp, created_at) AS lag_s, count() AS event_count
FROM analytics.fact_events
GROUP BY event_hour, lag_s;

-- What the days hold: product views, and purchases that can follow them. Equal sums of hashes are equal rows.
ALTER TABLE ops.product_views ADD PROJECTION IF NOT EXISTS day_print
(
    SELECT toDate(hour), sum(cityHash64(user_key, viewed_at, page_url, browser_name, device_type))
    GROUP BY toDate(hour)
);

ALTER TABLE ops.purchase_weeks ADD PROJECTION IF NOT EXISTS day_print
(
    SELECT toDate(purchased_at), sum(cityHash64(week, user_key, purchased_at))
    GROUP BY toDate(purchased_at)
);

ALTER TABLE ops.product_views MATERIALIZE PROJECTION day_print;

ALTER TABLE ops.purchase_weeks MATERIALIZE PROJECTION day_print;

-- One row per day with product views: a hash of them and of the purchases of that day and the seven days after it.
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
        GROUP BY toDate(purchased_at)
    ) AS d
    ARRAY JOIN range(8) AS back
    GROUP BY day
) AS p ON p.day = v.day;

-- One row per print of a day that is over, hour, product page, browser and device: views that a purchase followed. It
-- counts as long as the day still has that print. A row of no views with an empty page tells that the day is counted.
CREATE TABLE IF NOT EXISTS ops.leading_hours
(
    day          Date,
    print        UInt64 COMMENT 'Hash of the views and purchases that were counted, as in ops.leading_prints',
    hour         DateTime('UTC') COMMENT 'Of the view',
    page_url     LowCardinality(String) COMMENT 'The path',
    browser_name LowCardinality(String),
    device_type  LowCardinality(String),
    cnt          SimpleAggregateFunction(max, UInt64) COMMENT 'Views; the same in every row of a key'
)
ENGINE = AggregatingMergeTree
PARTITION BY day
ORDER BY (day, print, hour, page_url, browser_name, device_type)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per hour, product page, browser and device: views that a purchase of the same known user follows within seven
-- days, each counted once. Days that were counted and have not changed since are read from ops.leading_hours; for the
-- views of other days the next purchase of the user is looked up.
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
GROUP BY v.hour, v.page_url, v.browser_name, v.device_type;
