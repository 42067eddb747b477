-- Marts: what dashboards read, as views over tables that are split by the day of the event and fed with the facts.
-- docs/marts.md says what each means and costs.

-- Events and purchases per hour, browser and device.
CREATE TABLE IF NOT EXISTS ops.browser_device_hours
(
    hour              DateTime('UTC'),
    browser_name      LowCardinality(String),
    device_type       LowCardinality(String),
    total_event_count SimpleAggregateFunction(sum, UInt64),
    buy_cnt           SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, browser_name, device_type)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_device_hours_mv TO ops.browser_device_hours AS
SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC')) AS hour,
    browser_name, device_type,
    count()                                   AS total_event_count,
    countIf(page_url_path = '/confirmation')  AS buy_cnt
FROM analytics.fact_events
GROUP BY hour, browser_name, device_type;

-- States of distinct known users per hour and source.
CREATE TABLE IF NOT EXISTS ops.source_user_hours
(
    hour       DateTime('UTC'),
    utm_source LowCardinality(String),
    users      AggregateFunction(uniqExact, String)
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, utm_source)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.source_user_hours_mv TO ops.source_user_hours AS
SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC')) AS hour,
    utm_source,
    uniqExactState(user_custom_id) AS users
FROM analytics.fact_events
WHERE user_custom_id != ''
GROUP BY hour, utm_source;

-- One row per purchase: a view of /confirmation.
CREATE TABLE IF NOT EXISTS ops.purchases
(
    hour            DateTime('UTC'),
    utm_source      LowCardinality(String),
    utm_campaign    LowCardinality(String),
    geo_country     LowCardinality(String),
    geo_region_name LowCardinality(String),
    user_key        UInt128 COMMENT 'Hash of user_custom_id; 0 where the user is unknown'
)
ENGINE = MergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, utm_source, utm_campaign, geo_country, geo_region_name)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.purchases_mv TO ops.purchases AS
SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC')) AS hour,
    utm_source, utm_campaign, geo_country, geo_region_name,
    if(user_custom_id = '', toUInt128(0), reinterpretAsUInt128(sipHash128(user_custom_id))) AS user_key
FROM analytics.fact_events
WHERE page_url_path = '/confirmation';

-- One row per purchase of a known user and week in which the product views it can follow lie: its own and the one before.
CREATE TABLE IF NOT EXISTS ops.purchase_weeks
(
    week         UInt16 COMMENT 'Whole weeks since 1970-01-01, of the views',
    user_key     UInt128 COMMENT 'Hash of user_custom_id',
    purchased_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toDate(purchased_at)
ORDER BY (week, user_key, purchased_at)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.purchase_weeks_mv TO ops.purchase_weeks AS
SELECT
    toUInt16(intDiv(toUInt16(toDate(event_timestamp)), 7) - arrayJoin([0, 1])) AS week,
    reinterpretAsUInt128(sipHash128(user_custom_id))                           AS user_key,
    event_timestamp                                                            AS purchased_at
FROM analytics.fact_events
WHERE page_url_path = '/confirmation' AND user_custom_id != '';

-- One row per view of a product page by a known user.
CREATE TABLE IF NOT EXISTS ops.product_views
(
    hour         DateTime('UTC'),
    week         UInt16 COMMENT 'Whole weeks since 1970-01-01',
    user_key     UInt128 COMMENT 'Hash of user_custom_id',
    viewed_at    DateTime64(6, 'UTC'),
    page_url     LowCardinality(String) COMMENT 'The path',
    browser_name LowCardinality(String),
    device_type  LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, user_key, viewed_at)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.product_views_mv TO ops.product_views AS
SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC'))  AS hour,
    toUInt16(intDiv(toUInt16(toDate(event_timestamp)), 7)) AS week,
    reinterpretAsUInt128(sipHash128(user_custom_id))   AS user_key,
    event_timestamp                                    AS viewed_at,
    page_url_path                                      AS page_url,
    browser_name, device_type
FROM analytics.fact_events
WHERE startsWith(page_url_path, '/product_') AND user_custom_id != '';

-- What sessions are made of. One row per insert, click_id and half hour: such events are in one session, whatever comes
-- before, between and after them. A place is an event's time, then its id, as one number: it tells which value is first.
CREATE TABLE IF NOT EXISTS ops.visit_slots
(
    day            Date,
    click_id       UUID,
    slot           DateTime('UTC') COMMENT 'Start of the half hour',
    first_at       DateTime64(6, 'UTC'),
    last_at        DateTime64(6, 'UTC'),
    events         UInt32,
    purchases      UInt32,
    pages          Array(UInt64) COMMENT 'Hashes of the distinct paths',
    entry_page     LowCardinality(String) COMMENT 'Path of the first event with one',
    entry_place    UInt256,
    exit_page      LowCardinality(String) COMMENT 'Path of the last event with one',
    exit_place     UInt256,
    utm_source     LowCardinality(String) COMMENT 'Of the first event with a source or a campaign',
    utm_campaign   LowCardinality(String) COMMENT 'Of the same event',
    utm_place      UInt256,
    user_domain_id Nullable(UUID) COMMENT 'A click_id has one user, device and place; some events may lack them',
    geo_country    LowCardinality(String),
    device_type    LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toDate(first_at)
ORDER BY (day, click_id, slot)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.visit_slots_mv TO ops.visit_slots AS
WITH
    bitOr(bitShiftLeft(toUInt256(toUnixTimestamp64Micro(event_timestamp)), 128), toUInt256(toUInt128(event_id))) AS place,
    page_url_path != ''                                                     AS has_page,
    (fact_events.utm_source != '' OR fact_events.utm_campaign != '')        AS has_utm
SELECT
    toDate(event_timestamp)                               AS day,
    click_id,
    toStartOfInterval(toDateTime(event_timestamp, 'UTC'), INTERVAL 30 MINUTE) AS slot,
    min(event_timestamp)                                  AS first_at,
    max(event_timestamp)                                  AS last_at,
    count()                                               AS events,
    countIf(page_url_path = '/confirmation')              AS purchases,
    groupUniqArrayIf(cityHash64(page_url_path), has_page) AS pages,
    argMinIf(page_url_path, place, has_page)              AS entry_page,
    minIf(place, has_page)                                AS entry_place,
    argMaxIf(page_url_path, place, has_page)              AS exit_page,
    maxIf(place, has_page)                                AS exit_place,
    argMinIf(fact_events.utm_source, place, has_utm)      AS utm_source,
    argMinIf(fact_events.utm_campaign, place, has_utm)    AS utm_campaign,
    minIf(place, has_utm)                                 AS utm_place,
    min(fact_events.user_domain_id)                       AS user_domain_id,
    minIf(fact_events.geo_country, fact_events.geo_country != '') AS geo_country,
    minIf(fact_events.device_type, fact_events.device_type != '') AS device_type
FROM analytics.fact_events
GROUP BY day, click_id, slot;

-- One row per hour, browser and device: events and purchases.
CREATE VIEW IF NOT EXISTS analytics.browser_device_hourly_events_agg AS
SELECT
    h.hour                   AS hour,
    h.browser_name           AS browser_name,
    h.device_type            AS device_type,
    sum(h.total_event_count) AS total_event_count,
    sum(h.buy_cnt)           AS buy_cnt
FROM ops.browser_device_hours AS h
GROUP BY h.hour, h.browser_name, h.device_type;

-- One row per hour, product page, browser and device: views that a purchase of the same known user follows within seven
-- days, each counted once. Purchases are looked up by week, so that those of other weeks are passed over.
CREATE VIEW IF NOT EXISTS analytics.browser_device_hourly_buy_leading_pages_agg AS
SELECT
    v.hour         AS hour,
    v.page_url     AS page_url,
    v.browser_name AS browser_name,
    v.device_type  AS device_type,
    count()        AS cnt
FROM ops.product_views AS v
LEFT SEMI JOIN ops.purchase_weeks AS p
    ON p.week = v.week AND p.user_key = v.user_key
    AND p.purchased_at >= v.viewed_at AND p.purchased_at <= v.viewed_at + INTERVAL 7 DAY
GROUP BY v.hour, v.page_url, v.browser_name, v.device_type;

-- One row per hour, source and campaign: purchases.
CREATE VIEW IF NOT EXISTS analytics.source_campaign_buy_events_agg AS
SELECT p.hour AS hour, p.utm_source AS utm_source, p.utm_campaign AS utm_campaign, count() AS cnt
FROM ops.purchases AS p
GROUP BY p.hour, p.utm_source, p.utm_campaign;

-- One row per hour and source: distinct known users.
CREATE VIEW IF NOT EXISTS analytics.hourly_sources_users_agg AS
SELECT h.hour AS hour, h.utm_source AS utm_source, uniqExactMerge(h.users) AS cnt_users
FROM ops.source_user_hours AS h
GROUP BY h.hour, h.utm_source;

-- One row per hour, country and region: distinct known users with a purchase.
CREATE VIEW IF NOT EXISTS analytics.hourly_country_regions_users_agg AS
SELECT
    p.hour                 AS hour,
    p.geo_country          AS geo_country,
    p.geo_region_name      AS geo_region_name,
    uniqExact(p.user_key)  AS cnt_users
FROM ops.purchases AS p
WHERE p.user_key != 0
GROUP BY p.hour, p.geo_country, p.geo_region_name;

-- One row per visit: the events of a click_id without a gap of more than 30 minutes; it belongs to the day it starts on.
-- For each day come together: its own half hours; the last one of the day before, which tells whether a visit began
-- there; and those of the next morning, into which visits go on. What came over midnight and has not paused until noon
-- is cut there, so that a day never needs more than its neighbours. The join with the seconds at which something
-- started lets a filter on started_at choose the days.
CREATE VIEW IF NOT EXISTS analytics.sessions AS
SELECT
    visits.session_id     AS session_id,
    visits.user_domain_id AS user_domain_id,
    visits.click_id       AS click_id,
    seconds.second        AS started_at,
    visits.ended_at       AS ended_at,
    toUInt32(visits.ended_at - seconds.second) AS duration_s,
    visits.events         AS events,
    visits.pages          AS pages,
    visits.entry_page     AS entry_page,
    visits.exit_page      AS exit_page,
    visits.utm_source     AS utm_source,
    visits.utm_campaign   AS utm_campaign,
    visits.geo_country    AS geo_country,
    visits.device_type    AS device_type,
    visits.purchases      AS purchases
FROM
(
    SELECT
        r.on_day   AS on_day,
        r.click_id AS click_id,
        if(r.begun_at < toDateTime64(r.on_day, 6, 'UTC') AND r.slot >= r.noon, toDateTime64(r.noon, 6, 'UTC'), r.begun_at) AS begun,
        toUUID(UUIDNumToString(MD5(concat(toString(r.click_id), '/', toString(toUnixTimestamp64Micro(min(r.first_at))))))) AS session_id,
        toDateTime(min(r.first_at), 'UTC')                          AS second,
        toDateTime(max(r.last_at), 'UTC')                           AS ended_at,
        sum(r.events)                                               AS events,
        sum(r.purchases)                                            AS purchases,
        toUInt64(length(groupUniqArrayArray(r.pages)))              AS pages,
        argMinIf(r.entry_page, r.entry_place, r.entry_page != '')   AS entry_page,
        argMaxIf(r.exit_page, r.exit_place, r.exit_page != '')      AS exit_page,
        argMinIf(r.utm_source, r.utm_place, r.utm_place != 0)       AS utm_source,
        argMinIf(r.utm_campaign, r.utm_place, r.utm_place != 0)     AS utm_campaign,
        min(r.user_domain_id)                                       AS user_domain_id,
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
                SELECT day AS on_day, *
                FROM ops.visit_slots
                UNION ALL
                SELECT day + 1 AS on_day, *
                FROM ops.visit_slots
                WHERE slot = toDateTime(day, 'UTC') + INTERVAL 1410 MINUTE
                UNION ALL
                SELECT day - 1 AS on_day, *
                FROM ops.visit_slots
                WHERE slot < toDateTime(day, 'UTC') + INTERVAL 12 HOUR
            )
        )
    ) AS r
    GROUP BY on_day, click_id, begun
    HAVING toDate(begun) = on_day
) AS visits
INNER JOIN
(
    SELECT DISTINCT toDateTime(first_at, 'UTC') AS second, day
    FROM ops.visit_slots
) AS seconds ON seconds.second = visits.second AND seconds.day = visits.on_day;

-- One row per day on which users were first seen and number of days since: how many of them were seen on that day.
CREATE VIEW IF NOT EXISTS analytics.retention_daily AS
SELECT
    cohort_date,
    toUInt32(seen - cohort_date) AS day_number,
    count()                      AS users
FROM
(
    SELECT min(date) AS cohort_date, groupUniqArray(date) AS days
    FROM ops.user_days
    GROUP BY user_domain_id
)
ARRAY JOIN days AS seen
GROUP BY cohort_date, day_number;
