-- The schema at the head of the migrations. Written by `headwater schema`; not edited by hand.

CREATE TABLE analytics.agg_events_hourly
(
    `event_hour` DateTime('UTC'),
    `event_type` LowCardinality(String),
    `browser_name` LowCardinality(String),
    `device_type` LowCardinality(String),
    `geo_country` LowCardinality(String),
    `utm_source` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `total_events` AggregateFunction(count),
    `unique_users` AggregateFunction(uniq, Nullable(UUID)),
    `unique_clicks` AggregateFunction(uniq, UUID)
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(event_hour)
ORDER BY (event_hour, event_type, browser_name, device_type, geo_country, utm_source, utm_campaign)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW analytics.agg_events_hourly_mv TO analytics.agg_events_hourly
(
    `event_hour` DateTime('UTC'),
    `event_type` LowCardinality(String),
    `browser_name` LowCardinality(String),
    `device_type` LowCardinality(String),
    `geo_country` LowCardinality(String),
    `utm_source` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `total_events` AggregateFunction(count),
    `unique_users` AggregateFunction(uniq, Nullable(UUID)),
    `unique_clicks` AggregateFunction(uniq, UUID)
)
AS SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC')) AS event_hour,
    event_type,
    browser_name,
    device_type,
    geo_country,
    utm_source,
    utm_campaign,
    countState() AS total_events,
    uniqState(user_domain_id) AS unique_users,
    uniqState(click_id) AS unique_clicks
FROM analytics.fact_events
GROUP BY
    event_hour,
    event_type,
    browser_name,
    device_type,
    geo_country,
    utm_source,
    utm_campaign;

CREATE TABLE analytics.agg_traffic_sources
(
    `date` Date,
    `utm_source` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `utm_content` LowCardinality(String),
    `referer_medium` LowCardinality(String),
    `total_events` AggregateFunction(count),
    `unique_users` AggregateFunction(uniq, Nullable(UUID)),
    `unique_sessions` AggregateFunction(uniq, UUID)
)
ENGINE = AggregatingMergeTree
PARTITION BY date
ORDER BY (date, utm_source, utm_medium, utm_campaign, utm_content, referer_medium)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW analytics.agg_traffic_sources_mv TO analytics.agg_traffic_sources
(
    `date` Date,
    `utm_source` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `utm_content` LowCardinality(String),
    `referer_medium` LowCardinality(String),
    `total_events` AggregateFunction(count),
    `unique_users` AggregateFunction(uniq, Nullable(UUID)),
    `unique_sessions` AggregateFunction(uniq, UUID)
)
AS SELECT
    toDate(event_timestamp) AS date,
    utm_source,
    utm_medium,
    utm_campaign,
    utm_content,
    referer_medium,
    countState() AS total_events,
    uniqState(user_domain_id) AS unique_users,
    uniqState(click_id) AS unique_sessions
FROM analytics.fact_events
GROUP BY
    date,
    utm_source,
    utm_medium,
    utm_campaign,
    utm_content,
    referer_medium;

CREATE TABLE analytics.aggregation_clicks_raw
(
    `product_id` UInt32 COMMENT 'The product.',
    `count` UInt32 COMMENT 'Clicks of the window that this message counts.',
    `timestamp` UInt64 COMMENT 'Start of the window, in Unix seconds.',
    `unknown_fields` UInt32 COMMENT 'Fields of the message that the contract does not name',
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX by_time timestamp TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1, index_granularity = 8192, merge_selector_base = 20;

CREATE VIEW analytics.browser_device_hourly_buy_leading_pages_agg
(
    `hour` DateTime('UTC'),
    `page_url` LowCardinality(String),
    `browser_name` LowCardinality(String),
    `device_type` LowCardinality(String),
    `cnt` UInt64
)
AS WITH
    open_days AS
    (
        SELECT day
        FROM ops.leading_prints
        WHERE (day, print) NOT IN (
            SELECT
                day,
                print
            FROM ops.leading_hours
            WHERE page_url = ''
        )
    )
SELECT
    l.hour AS hour,
    l.page_url AS page_url,
    l.browser_name AS browser_name,
    l.device_type AS device_type,
    toUInt64(max(l.cnt)) AS cnt
FROM ops.leading_hours AS l
WHERE ((l.day, l.print) IN (
    SELECT
        day,
        print
    FROM ops.leading_prints
)) AND (l.page_url != '')
GROUP BY
    l.hour,
    l.page_url,
    l.browser_name,
    l.device_type
UNION ALL
WITH
    open_days AS
    (
        SELECT day
        FROM ops.leading_prints
        WHERE (day, print) NOT IN (
            SELECT
                day,
                print
            FROM ops.leading_hours
            WHERE page_url = ''
        )
    )
SELECT
    v.hour AS hour,
    v.page_url AS page_url,
    v.browser_name AS browser_name,
    v.device_type AS device_type,
    count() AS cnt
FROM
(
    SELECT
        hour,
        page_url,
        browser_name,
        device_type,
        user_key,
        viewed_at
    FROM ops.product_views
    WHERE toDate(hour) IN (
        SELECT day
        FROM open_days
    )
) AS v
ASOF INNER JOIN
(
    SELECT
        user_key,
        purchased_at
    FROM ops.purchase_weeks
    WHERE (toDate(purchased_at) IN (
        SELECT arrayJoin(arrayMap(later -> (day + later), range(8)))
        FROM open_days
    )) AND (week = toUInt16(intDiv(toUInt16(toDate(purchased_at)), 7)))
) AS p ON (p.user_key = v.user_key) AND (p.purchased_at >= v.viewed_at)
WHERE p.purchased_at <= (v.viewed_at + toIntervalDay(7))
GROUP BY
    v.hour,
    v.page_url,
    v.browser_name,
    v.device_type
UNION ALL
WITH
    open_days AS
    (
        SELECT day
        FROM ops.leading_prints
        WHERE (day, print) NOT IN (
            SELECT
                day,
                print
            FROM ops.leading_hours
            WHERE page_url = ''
        )
    )
SELECT
    v.hour AS hour,
    v.page_url AS page_url,
    v.browser_name AS browser_name,
    v.device_type AS device_type,
    count() AS cnt
FROM
(
    SELECT
        hour,
        page_url,
        browser_name,
        device_type,
        user_key,
        viewed_at
    FROM ops.product_views
    WHERE (toDate(hour) >= (toDate(now('UTC')) - 7)) AND (toDate(hour) NOT IN (
        SELECT day
        FROM open_days
    ))
) AS v
INNER JOIN
(
    SELECT
        user_key,
        groupArray(purchased_at) AS bought
    FROM ops.purchase_weeks
    WHERE (toDate(purchased_at) >= (toDate(now('UTC')) - 7)) AND (week = toUInt16(intDiv(toUInt16(toDate(purchased_at)), 7))) AND (user_key IN (
        SELECT user_key
        FROM ops.purchase_weeks
        WHERE toDate(purchased_at) >= toDate(now('UTC'))
    ))
    GROUP BY user_key
) AS p ON p.user_key = v.user_key
WHERE arrayExists(at -> ((at >= v.viewed_at) AND (at <= (v.viewed_at + toIntervalDay(7)))), p.bought) AND (NOT arrayExists(at -> ((at >= v.viewed_at) AND (at <= (v.viewed_at + toIntervalDay(7))) AND (toDate(at) < toDate(now('UTC')))), p.bought))
GROUP BY
    v.hour,
    v.page_url,
    v.browser_name,
    v.device_type;

CREATE VIEW analytics.browser_device_hourly_events_agg
(
    `hour` DateTime('UTC'),
    `browser_name` LowCardinality(String),
    `device_type` LowCardinality(String),
    `total_event_count` UInt64,
    `buy_cnt` UInt64
)
AS SELECT
    h.hour AS hour,
    h.browser_name AS browser_name,
    h.device_type AS device_type,
    sum(h.total_event_count) AS total_event_count,
    sum(h.buy_cnt) AS buy_cnt
FROM ops.browser_device_hours AS h
GROUP BY
    h.hour,
    h.browser_name,
    h.device_type;

CREATE VIEW analytics.build_lags
(
    `hour` DateTime('UTC'),
    `lag_s` Int64,
    `event_count` UInt64
)
AS SELECT
    event_hour AS hour,
    dateDiff('second', event_timestamp, created_at) AS lag_s,
    count() AS event_count
FROM analytics.fact_events
GROUP BY
    event_hour,
    lag_s;

CREATE TABLE analytics.dim_geo
(
    `geo_id` UInt64,
    `geo_country` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `geo_latitude` Nullable(Float64),
    `geo_longitude` Nullable(Float64),
    `geo_timezone` LowCardinality(String)
)
ENGINE = MergeTree
ORDER BY geo_id
SETTINGS index_granularity = 8192;

CREATE TABLE analytics.dim_users
(
    `user_domain_id` UUID,
    `user_custom_id` String,
    `first_seen` DateTime64(6, 'UTC'),
    `last_seen` DateTime64(6, 'UTC'),
    `total_events` UInt64,
    `device_type` LowCardinality(String) COMMENT 'Of the user\'s last event',
    `os_name` LowCardinality(String) COMMENT 'Of the user\'s last event'
)
ENGINE = MergeTree
ORDER BY user_domain_id
SETTINGS index_granularity = 8192;

CREATE TABLE analytics.events_browser_raw
(
    `event_id` UUID COMMENT 'Identity of the event; unique.',
    `event_timestamp` DateTime64(6, 'UTC') COMMENT 'When it happened.' CODEC(Delta(8), ZSTD(1)),
    `event_type` LowCardinality(String) COMMENT 'What happened: `pageview` and others; an open set.',
    `click_id` UUID COMMENT 'Links the event to its device and geo part.',
    `browser_name` LowCardinality(String) COMMENT 'Name of the browser.',
    `browser_language` LowCardinality(String) COMMENT 'Preferred language of the browser.',
    `browser_user_agent` String COMMENT 'The browser\'s own description of itself.',
    `unknown_fields` UInt32 COMMENT 'Fields of the message that the contract does not name',
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
TTL toDateTime(ingested_at) + toIntervalDay(90)
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1, index_granularity = 8192, merge_selector_base = 20;

CREATE TABLE analytics.events_device_raw
(
    `click_id` UUID COMMENT 'Links to the browser events.',
    `os` LowCardinality(String) COMMENT 'Operating system with version.',
    `os_name` LowCardinality(String) COMMENT 'Operating system.',
    `os_timezone` LowCardinality(String) COMMENT 'Time zone set on the device.',
    `device_type` LowCardinality(String) COMMENT 'Kind of device, such as Mobile or Desktop.',
    `device_is_mobile` Nullable(Bool) COMMENT 'Whether the device is mobile.',
    `user_custom_id` String COMMENT 'The user\'s e-mail address.',
    `user_domain_id` UUID COMMENT 'The user.',
    `unknown_fields` UInt32 COMMENT 'Fields of the message that the contract does not name',
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
TTL toDateTime(ingested_at) + toIntervalDay(90)
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1, index_granularity = 8192, merge_selector_base = 20;

CREATE TABLE analytics.events_geo_raw
(
    `click_id` UUID COMMENT 'Links to the browser events.',
    `geo_latitude` Nullable(Float64) COMMENT 'Degrees north; a JSON string or number.',
    `geo_longitude` Nullable(Float64) COMMENT 'Degrees east; a JSON string or number.',
    `geo_country` LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2 code.',
    `geo_timezone` LowCardinality(String) COMMENT 'IANA time zone of the place.',
    `geo_region_name` LowCardinality(String) COMMENT 'Region within the country.',
    `ip_address` String COMMENT 'Address of the visitor.',
    `unknown_fields` UInt32 COMMENT 'Fields of the message that the contract does not name',
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
TTL toDateTime(ingested_at) + toIntervalDay(90)
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1, index_granularity = 8192, merge_selector_base = 20;

CREATE TABLE analytics.events_interaction_raw
(
    `event_id` UUID COMMENT 'The event it belongs to; unique.',
    `click_id` UUID COMMENT 'Links to the device and geo part.',
    `event_type` LowCardinality(String) COMMENT 'What was done: `click` and others; an open set.',
    `event_title` String COMMENT 'Text of the element or title of the page.',
    `element_id` LowCardinality(String) COMMENT 'Id of the element within its page.',
    `x` Nullable(Float64) COMMENT 'CSS pixels from the left edge of the page.',
    `y` Nullable(Float64) COMMENT 'CSS pixels from the top of the page.',
    `payload` String COMMENT 'The whole payload of the event as JSON text.',
    `event_timestamp` Nullable(DateTime64(6, 'UTC')) COMMENT 'When it happened; where it is absent, Kafka\'s time counts.' CODEC(Delta(8), ZSTD(1)),
    `page_url_path` String COMMENT 'Path of the page it happened on.',
    `unknown_fields` UInt32 COMMENT 'Fields of the message that the contract does not name',
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
TTL toDateTime(ingested_at) + toIntervalDay(90)
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1, index_granularity = 8192, merge_selector_base = 20;

CREATE TABLE analytics.events_location_raw
(
    `event_id` UUID COMMENT 'The browser event it belongs to, one to one.',
    `page_url` String COMMENT 'Address of the page.',
    `page_url_path` String COMMENT 'Path of the page: `/confirmation` is a purchase, `/product_*` are product pages.',
    `referer_url` String COMMENT 'Address of the page before.',
    `referer_medium` LowCardinality(String) COMMENT 'Kind of the page before, such as internal or search.',
    `utm_medium` LowCardinality(String) COMMENT 'Campaign medium.',
    `utm_source` LowCardinality(String) COMMENT 'Campaign source.',
    `utm_content` LowCardinality(String) COMMENT 'Campaign content.',
    `utm_campaign` LowCardinality(String) COMMENT 'Campaign name.',
    `unknown_fields` UInt32 COMMENT 'Fields of the message that the contract does not name',
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
TTL toDateTime(ingested_at) + toIntervalDay(90)
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1, index_granularity = 8192, merge_selector_base = 20;

CREATE TABLE analytics.fact_events
(
    `event_id` UUID,
    `event_timestamp` DateTime64(6, 'UTC'),
    `event_date` Date MATERIALIZED toDate(event_timestamp),
    `event_hour` DateTime('UTC') MATERIALIZED toStartOfHour(toDateTime(event_timestamp, 'UTC')) COMMENT 'Hour of the event (UTC), computed',
    `event_type` LowCardinality(String),
    `click_id` UUID,
    `browser_name` LowCardinality(String),
    `browser_language` LowCardinality(String),
    `browser_user_agent` String CODEC(ZSTD(1)),
    `os` LowCardinality(String),
    `os_name` LowCardinality(String),
    `os_timezone` LowCardinality(String),
    `device_type` LowCardinality(String),
    `device_is_mobile` Nullable(Bool),
    `user_custom_id` String CODEC(ZSTD(1)),
    `user_domain_id` Nullable(UUID),
    `geo_latitude` Nullable(Float64),
    `geo_longitude` Nullable(Float64),
    `geo_country` LowCardinality(String),
    `geo_timezone` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `ip_address` String CODEC(ZSTD(1)),
    `page_url` String CODEC(ZSTD(1)),
    `page_url_path` LowCardinality(String) CODEC(ZSTD(1)),
    `referer_url` String CODEC(ZSTD(1)),
    `came_from` LowCardinality(String) MATERIALIZED multiIf(referer_url = '', '(direct)', domain(referer_url) = domain(page_url), concat('from ', path(referer_url)), domainWithoutWWW(referer_url)) COMMENT 'Host of the page before, or its path where it is a page of the same site; computed',
    `referer_medium` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_source` LowCardinality(String),
    `utm_content` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `geo_id` Nullable(UInt64) COMMENT 'Key of dim_geo; NULL where the geo part is missing',
    `created_at` DateTime64(3, 'UTC') COMMENT 'When the fact was first built: as_of of its plan',
    `build` UInt64 COMMENT 'Number of the plan that built it',
    `is_complete` Bool COMMENT 'Location, device and geo part were all there',
    `source_object` LowCardinality(String) COMMENT 'File or object the browser event came from; empty for streams',
    `content_hash` UInt64 COMMENT 'Hash of the browser part, to tell an equal repeat from a conflict',
    `location_object` LowCardinality(String) COMMENT 'File or object that the location came from; empty for streams',
    INDEX event_id_bloom event_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX event_hour_range event_hour TYPE minmax GRANULARITY 1,
    PROJECTION page_hours
    (
        SELECT
            event_hour,
            event_type,
            came_from,
            page_url_path,
            count(),
            countIf(page_url_path = '/confirmation')
        GROUP BY
            event_hour,
            event_type,
            came_from,
            page_url_path
    ),
    PROJECTION lag_hours
    (
        SELECT
            event_hour,
            dateDiff('second', event_timestamp, created_at),
            count()
        GROUP BY
            event_hour,
            dateDiff('second', event_timestamp, created_at)
    )
)
ENGINE = MergeTree
PARTITION BY toDate(event_timestamp)
ORDER BY (toStartOfHour(event_timestamp), event_id)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192, deduplicate_merge_projection_mode = 'rebuild';

CREATE TABLE analytics.fact_interactions
(
    `event_id` UUID COMMENT 'The event of fact_events that it belongs to',
    `event_timestamp` DateTime64(6, 'UTC') COMMENT 'When it happened; Kafka\'s time where the message has none',
    `event_date` Date MATERIALIZED toDate(event_timestamp),
    `event_type` LowCardinality(String),
    `click_id` UUID,
    `event_title` String CODEC(ZSTD(1)),
    `element_id` LowCardinality(String),
    `x` Nullable(Float64) COMMENT 'CSS pixels from the left edge of the page',
    `y` Nullable(Float64) COMMENT 'CSS pixels from the top of the page',
    `page_url_path` String CODEC(ZSTD(1)),
    `payload` String COMMENT 'The whole payload as JSON text' CODEC(ZSTD(1)),
    `created_at` DateTime64(3, 'UTC') COMMENT 'as_of of the plan that built it',
    `build` UInt64 COMMENT 'Number of the plan that built it'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (toDate(event_timestamp), page_url_path, event_id)
TTL toDateTime(created_at) + toIntervalDay(365)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE VIEW analytics.hourly_country_regions_users_agg
(
    `hour` DateTime('UTC'),
    `geo_country` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `cnt_users` UInt64
)
AS SELECT
    p.hour AS hour,
    p.geo_country AS geo_country,
    p.geo_region_name AS geo_region_name,
    uniqExact(p.user_key) AS cnt_users
FROM ops.purchases AS p
WHERE p.user_key != 0
GROUP BY
    p.hour,
    p.geo_country,
    p.geo_region_name;

CREATE VIEW analytics.hourly_sources_users_agg
(
    `hour` DateTime('UTC'),
    `utm_source` LowCardinality(String),
    `cnt_users` UInt64
)
AS SELECT
    h.hour AS hour,
    h.utm_source AS utm_source,
    uniqExactMerge(h.users) AS cnt_users
FROM ops.source_user_hours AS h
GROUP BY
    h.hour,
    h.utm_source;

CREATE VIEW analytics.newest_data
(
    `newest_event` DateTime64(6, 'UTC'),
    `newest_day` Date
)
AS SELECT
    max(event_timestamp) AS newest_event,
    toDate(newest_event) AS newest_day
FROM analytics.fact_events;

CREATE VIEW analytics.product_clicks
(
    `product_id` UInt32,
    `count` UInt32,
    `timestamp` UInt64
)
AS SELECT
    product_id,
    toUInt32(sum(c.count)) AS count,
    timestamp
FROM analytics.aggregation_clicks_raw AS c
GROUP BY
    product_id,
    timestamp;

CREATE VIEW analytics.retention_daily
(
    `cohort_date` Date,
    `day_number` UInt32,
    `users` UInt64
)
AS SELECT
    arrayMin(days) AS cohort_date,
    toUInt32(seen - cohort_date) AS day_number,
    count() AS users
FROM
(
    SELECT groupArray(date) AS days
    FROM ops.user_days
    GROUP BY user_domain_id
)
ARRAY JOIN arrayDistinct(days) AS seen
GROUP BY
    cohort_date,
    day_number;

CREATE VIEW analytics.retention_shares
(
    `cohort_date` Date,
    `day_number` UInt32,
    `users` UInt64,
    `cohort_users` UInt64
)
AS SELECT
    cohort_date,
    day_number,
    users,
    max(if(day_number = 0, users, 0)) OVER (PARTITION BY cohort_date) AS cohort_users
FROM analytics.retention_daily;

CREATE VIEW analytics.session_hours
(
    `started_hour` DateTime('UTC'),
    `duration_s` UInt32,
    `event_count` UInt64,
    `page_count` UInt64,
    `utm_source` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `geo_country` LowCardinality(String),
    `device_type` LowCardinality(String)
)
AS WITH
    (
        SELECT (groupArrayIf(p.day, c.count_id = 0), groupArrayIf(c.count_id, c.count_id != 0))
        FROM ops.session_prints AS p
        LEFT JOIN
        (
            SELECT
                day,
                print,
                min(count_id) AS count_id
            FROM ops.session_counts
            GROUP BY
                day,
                print
        ) AS c ON (c.day = p.day) AND (c.print = p.print)
    ) AS days,
    days.1 AS open_days,
    days.2 AS counts,
    over_midnight AS
    (
        SELECT
            midnight,
            click_id
        FROM ops.visit_nights
        WHERE midnight IN arrayConcat(open_days, arrayMap(day -> (day + 1), open_days))
        GROUP BY
            midnight,
            click_id
        HAVING min(first_at) <= (max(last_at) + toIntervalMinute(30))
    )
SELECT
    started_hour,
    duration_s,
    event_count,
    page_count,
    utm_source,
    utm_campaign,
    geo_country,
    device_type
FROM ops.counted_sessions
WHERE count_id IN (days.2 AS counts)
UNION ALL
WITH
    (
        SELECT (groupArrayIf(p.day, c.count_id = 0), groupArrayIf(c.count_id, c.count_id != 0))
        FROM ops.session_prints AS p
        LEFT JOIN
        (
            SELECT
                day,
                print,
                min(count_id) AS count_id
            FROM ops.session_counts
            GROUP BY
                day,
                print
        ) AS c ON (c.day = p.day) AND (c.print = p.print)
    ) AS days,
    days.1 AS open_days,
    days.2 AS counts,
    over_midnight AS
    (
        SELECT
            midnight,
            click_id
        FROM ops.visit_nights
        WHERE midnight IN arrayConcat(open_days, arrayMap(day -> (day + 1), open_days))
        GROUP BY
            midnight,
            click_id
        HAVING min(first_at) <= (max(last_at) + toIntervalMinute(30))
    )
SELECT
    toStartOfHour(toDateTime(d.first_at, 'UTC')) AS started_hour,
    toUInt32(toDateTime(d.last_at, 'UTC') - toDateTime(d.first_at, 'UTC')) AS duration_s,
    toUInt64(d.event_count) AS event_count,
    length(d.pages) AS page_count,
    CAST(d.utm_source, 'LowCardinality(String)') AS utm_source,
    CAST(d.utm_campaign, 'LowCardinality(String)') AS utm_campaign,
    ifNull(d.geo_country, '') AS geo_country,
    ifNull(d.device_type, '') AS device_type
FROM analytics.visit_days AS d
FINAL
WHERE (d.day IN (days.1 AS open_days)) AND (d.last_at <= (d.first_at + toIntervalMinute(30))) AND (d.utm_lowest >= d.utm_highest) AND ((d.day, d.click_id) NOT IN (
    SELECT
        arrayJoin([midnight - 1, midnight]),
        click_id
    FROM over_midnight
))
UNION ALL
WITH
    (
        SELECT (groupArrayIf(p.day, c.count_id = 0), groupArrayIf(c.count_id, c.count_id != 0))
        FROM ops.session_prints AS p
        LEFT JOIN
        (
            SELECT
                day,
                print,
                min(count_id) AS count_id
            FROM ops.session_counts
            GROUP BY
                day,
                print
        ) AS c ON (c.day = p.day) AND (c.print = p.print)
    ) AS days,
    days.1 AS open_days,
    days.2 AS counts,
    over_midnight AS
    (
        SELECT
            midnight,
            click_id
        FROM ops.visit_nights
        WHERE midnight IN arrayConcat(open_days, arrayMap(day -> (day + 1), open_days))
        GROUP BY
            midnight,
            click_id
        HAVING min(first_at) <= (max(last_at) + toIntervalMinute(30))
    )
SELECT
    hours.started_hour AS started_hour,
    toUInt32(toDateTime(visits.ended_at, 'UTC') - toDateTime(visits.started_at, 'UTC')) AS duration_s,
    visits.event_count AS event_count,
    visits.page_count AS page_count,
    toLowCardinality(visits.utm_source) AS utm_source,
    toLowCardinality(visits.utm_campaign) AS utm_campaign,
    toLowCardinality(visits.geo_country) AS geo_country,
    toLowCardinality(visits.device_type) AS device_type
FROM
(
    SELECT
        r.on_day AS on_day,
        if((r.begun_at < toDateTime64(r.on_day, 6, 'UTC')) AND (r.slot >= r.noon), toDateTime64(r.noon, 6, 'UTC'), r.begun_at) AS begun,
        min(r.first_at) AS started_at,
        max(r.last_at) AS ended_at,
        sum(r.events) AS event_count,
        length(groupUniqArrayArray(r.pages)) AS page_count,
        argMinIf(r.utm_source, r.utm_place, r.utm_place != 0) AS utm_source,
        argMinIf(r.utm_campaign, r.utm_place, r.utm_place != 0) AS utm_campaign,
        minIf(r.geo_country, r.geo_country != '') AS geo_country,
        minIf(r.device_type, r.device_type != '') AS device_type
    FROM
    (
        SELECT
            *,
            max(if(first_at > (before + toIntervalMinute(30)), first_at, toDateTime64(0, 6, 'UTC'))) OVER (PARTITION BY on_day, click_id ORDER BY first_at ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS begun_at
        FROM
        (
            SELECT
                *,
                toDateTime(on_day, 'UTC') + toIntervalHour(12) AS noon,
                max(last_at) OVER (PARTITION BY on_day, click_id ORDER BY first_at ASC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM
            (
                SELECT
                    own.day AS on_day,
                    own.*
                FROM ops.visit_slots AS own
                SEMI LEFT JOIN
                (
                    SELECT
                        d.day AS day,
                        d.click_id AS click_id
                    FROM analytics.visit_days AS d
                    FINAL
                    WHERE (d.day IN (days.1 AS open_days)) AND ((d.last_at > (d.first_at + toIntervalMinute(30))) OR (d.utm_lowest < d.utm_highest))
                    UNION ALL
                    SELECT
                        arrayJoin([midnight - 1, midnight]) AS day,
                        click_id
                    FROM over_midnight
                ) AS odd ON (odd.day = own.day) AND (odd.click_id = own.click_id)
                WHERE own.day IN (days.1 AS open_days)
                UNION ALL
                SELECT
                    if(own.slot < (toDateTime(own.day, 'UTC') + toIntervalHour(12)), own.day - 1, own.day + 1) AS on_day,
                    own.*
                FROM ops.visit_slots AS own
                SEMI LEFT JOIN over_midnight AS night ON (night.midnight = if(own.slot < (toDateTime(own.day, 'UTC') + toIntervalHour(12)), own.day, own.day + 1)) AND (night.click_id = own.click_id)
                WHERE (own.day IN arrayConcat(arrayMap(day -> (day - 1), open_days), arrayMap(day -> (day + 1), open_days))) AND ((own.slot < (toDateTime(own.day, 'UTC') + toIntervalHour(12))) OR (own.slot = (toDateTime(own.day, 'UTC') + toIntervalMinute(1410))))
            )
        )
    ) AS r
    GROUP BY
        on_day,
        click_id,
        begun
    HAVING toDate(begun) = on_day
) AS visits
INNER JOIN
(
    SELECT DISTINCT
        hour AS started_hour,
        toDate(hour) AS day
    FROM ops.browser_device_hours
) AS hours ON (hours.started_hour = toStartOfHour(toDateTime(visits.started_at, 'UTC'))) AND (hours.day = visits.on_day);

CREATE VIEW analytics.sessions
(
    `session_id` UUID,
    `user_domain_id` Nullable(UUID),
    `click_id` UUID,
    `started_at` DateTime('UTC'),
    `ended_at` DateTime('UTC'),
    `duration_s` UInt32,
    `events` UInt64,
    `pages` UInt64,
    `entry_page` String,
    `exit_page` String,
    `utm_source` String,
    `utm_campaign` String,
    `geo_country` String,
    `device_type` String,
    `purchases` UInt64
)
AS SELECT
    visits.session_id AS session_id,
    visits.user_domain_id AS user_domain_id,
    visits.click_id AS click_id,
    seconds.second AS started_at,
    visits.ended_at AS ended_at,
    toUInt32(visits.ended_at - seconds.second) AS duration_s,
    visits.events AS events,
    visits.pages AS pages,
    visits.entry_page AS entry_page,
    visits.exit_page AS exit_page,
    visits.utm_source AS utm_source,
    visits.utm_campaign AS utm_campaign,
    visits.geo_country AS geo_country,
    visits.device_type AS device_type,
    visits.purchases AS purchases
FROM
(
    SELECT
        r.on_day AS on_day,
        r.click_id AS click_id,
        if((r.begun_at < toDateTime64(r.on_day, 6, 'UTC')) AND (r.slot >= r.noon), toDateTime64(r.noon, 6, 'UTC'), r.begun_at) AS begun,
        toUUID(UUIDNumToString(MD5(concat(toString(r.click_id), '/', toString(toUnixTimestamp64Micro(min(r.first_at))))))) AS session_id,
        toDateTime(min(r.first_at), 'UTC') AS second,
        toDateTime(max(r.last_at), 'UTC') AS ended_at,
        sum(r.events) AS events,
        sum(r.purchases) AS purchases,
        toUInt64(length(groupUniqArrayArray(r.pages))) AS pages,
        argMinIf(r.entry_page, r.entry_place, r.entry_page != '') AS entry_page,
        argMaxIf(r.exit_page, r.exit_place, r.exit_page != '') AS exit_page,
        argMinIf(r.utm_source, r.utm_place, r.utm_place != 0) AS utm_source,
        argMinIf(r.utm_campaign, r.utm_place, r.utm_place != 0) AS utm_campaign,
        min(r.user_domain_id) AS user_domain_id,
        minIf(r.geo_country, r.geo_country != '') AS geo_country,
        minIf(r.device_type, r.device_type != '') AS device_type
    FROM
    (
        SELECT
            *,
            max(if(first_at > (before + toIntervalMinute(30)), first_at, toDateTime64(0, 6, 'UTC'))) OVER (PARTITION BY on_day, click_id ORDER BY first_at ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS begun_at
        FROM
        (
            SELECT
                *,
                toDateTime(on_day, 'UTC') + toIntervalHour(12) AS noon,
                max(last_at) OVER (PARTITION BY on_day, click_id ORDER BY first_at ASC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM
            (
                SELECT
                    day AS on_day,
                    *
                FROM ops.visit_slots
                UNION ALL
                SELECT
                    day + 1 AS on_day,
                    *
                FROM ops.visit_slots
                WHERE slot = (toDateTime(day, 'UTC') + toIntervalMinute(1410))
                UNION ALL
                SELECT
                    day - 1 AS on_day,
                    *
                FROM ops.visit_slots
                WHERE slot < (toDateTime(day, 'UTC') + toIntervalHour(12))
            )
        )
    ) AS r
    GROUP BY
        on_day,
        click_id,
        begun
    HAVING toDate(begun) = on_day
) AS visits
INNER JOIN
(
    SELECT DISTINCT
        toDateTime(first_at, 'UTC') AS second,
        day
    FROM ops.visit_slots
) AS seconds ON (seconds.second = visits.second) AND (seconds.day = visits.on_day);

CREATE VIEW analytics.source_campaign_buy_events_agg
(
    `hour` DateTime('UTC'),
    `utm_source` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `cnt` UInt64
)
AS SELECT
    p.hour AS hour,
    p.utm_source AS utm_source,
    p.utm_campaign AS utm_campaign,
    count() AS cnt
FROM ops.purchases AS p
GROUP BY
    p.hour,
    p.utm_source,
    p.utm_campaign;

CREATE TABLE analytics.visit_days
(
    `day` Date,
    `click_id` UUID,
    `first_at` SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    `last_at` SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    `event_count` SimpleAggregateFunction(sum, UInt64) COMMENT 'Events',
    `pages` SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)) COMMENT 'Hashes of the distinct paths, in no order',
    `utm_lowest` SimpleAggregateFunction(min, UInt64) COMMENT 'Least hash of source and campaign of its events; the largest number where none has either',
    `utm_highest` SimpleAggregateFunction(max, UInt64) COMMENT 'Greatest such hash: equal to the least where all events name the same; 0 where none has either',
    `utm_source` SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Of any event; all have the same where the hashes are equal',
    `utm_campaign` SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Of any event; all have the same where the hashes are equal',
    `geo_country` SimpleAggregateFunction(min, LowCardinality(Nullable(String))) COMMENT 'NULL where no event has it',
    `device_type` SimpleAggregateFunction(min, LowCardinality(Nullable(String))) COMMENT 'NULL where no event has it',
    INDEX first_at_range first_at TYPE minmax GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PARTITION BY day
ORDER BY (day, click_id)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW analytics.visit_days_mv TO analytics.visit_days
(
    `day` Date,
    `click_id` UUID,
    `first_at` DateTime64(6, 'UTC'),
    `last_at` DateTime64(6, 'UTC'),
    `event_count` UInt64,
    `pages` Array(UInt64),
    `utm_lowest` UInt64,
    `utm_highest` UInt64,
    `utm_source` String,
    `utm_campaign` String,
    `geo_country` Nullable(String),
    `device_type` Nullable(String)
)
AS WITH
    (fact_events.utm_source != '') OR (fact_events.utm_campaign != '') AS has_utm,
    cityHash64(fact_events.utm_source, fact_events.utm_campaign) AS utm
SELECT
    toDate(event_timestamp) AS day,
    click_id,
    min(event_timestamp) AS first_at,
    max(event_timestamp) AS last_at,
    count() AS event_count,
    groupUniqArrayIf(cityHash64(page_url_path), page_url_path != '') AS pages,
    min(if(has_utm, utm, 18446744073709551615)) AS utm_lowest,
    max(if(has_utm, utm, 0)) AS utm_highest,
    max(fact_events.utm_source) AS utm_source,
    max(fact_events.utm_campaign) AS utm_campaign,
    min(nullIf(fact_events.geo_country, '')) AS geo_country,
    min(nullIf(fact_events.device_type, '')) AS device_type
FROM analytics.fact_events
GROUP BY
    day,
    click_id;

CREATE TABLE analytics.visit_hours
(
    `hour` DateTime('UTC'),
    `utm_source` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `geo_country` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `device_type` LowCardinality(String),
    `browser_name` LowCardinality(String),
    `click_key` UInt64 COMMENT 'Hash of click_id',
    `user_key` UInt64 COMMENT 'Hash of user_domain_id; 0 where the user is unknown',
    `event_types` SimpleAggregateFunction(groupUniqArrayArray, Array(String)) COMMENT 'Distinct types of its events, in no order',
    `event_count` SimpleAggregateFunction(sum, UInt64) COMMENT 'Events',
    `purchase_count` SimpleAggregateFunction(sum, UInt64) COMMENT 'Purchases: views of /confirmation',
    `furthest_step` SimpleAggregateFunction(max, UInt8) COMMENT 'Step to a purchase: 1 home, 2 product, 3 cart, 4 payment, 5 confirmation; 0 for other pages',
    `located` SimpleAggregateFunction(sum, UInt64) COMMENT 'Events with coordinates',
    `latitude_e7` SimpleAggregateFunction(sum, Int64) COMMENT 'Sum of their degrees north, times 10,000,000',
    `longitude_e7` SimpleAggregateFunction(sum, Int64) COMMENT 'Sum of their degrees east, times 10,000,000',
    PROJECTION source_hours
    (
        SELECT
            hour,
            utm_source,
            utm_medium,
            utm_campaign,
            sum(event_count),
            sum(purchase_count),
            uniq(click_key),
            uniqIf(user_key, user_key != 0)
        GROUP BY
            hour,
            utm_source,
            utm_medium,
            utm_campaign
    )
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, utm_source, utm_medium, utm_campaign, geo_country, geo_region_name, device_type, browser_name, click_key, user_key)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192, deduplicate_merge_projection_mode = 'rebuild';

CREATE MATERIALIZED VIEW analytics.visit_hours_mv TO analytics.visit_hours
(
    `hour` DateTime('UTC'),
    `utm_source` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `geo_country` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `device_type` LowCardinality(String),
    `browser_name` LowCardinality(String),
    `click_key` UInt64,
    `user_key` UInt64,
    `event_types` Array(String),
    `event_count` UInt64,
    `purchase_count` UInt64,
    `furthest_step` UInt8,
    `located` UInt64,
    `latitude_e7` Int64,
    `longitude_e7` Int64
)
AS WITH
    isNotNull(geo_latitude) AND isNotNull(geo_longitude) AS has_place
SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC')) AS hour,
    utm_source,
    utm_medium,
    utm_campaign,
    geo_country,
    geo_region_name,
    device_type,
    browser_name,
    cityHash64(click_id) AS click_key,
    ifNull(cityHash64(user_domain_id), 0) AS user_key,
    groupUniqArray(event_type) AS event_types,
    count() AS event_count,
    countIf(page_url_path = '/confirmation') AS purchase_count,
    max(multiIf(page_url_path = '/confirmation', 5, page_url_path = '/payment', 4, page_url_path = '/cart', 3, startsWith(page_url_path, '/product_'), 2, (page_url_path IN ('/', '/home')), 1, 0)) AS furthest_step,
    countIf(has_place) AS located,
    sumIf(toInt64(round(assumeNotNull(geo_latitude) * 10000000)), has_place) AS latitude_e7,
    sumIf(toInt64(round(assumeNotNull(geo_longitude) * 10000000)), has_place) AS longitude_e7
FROM analytics.fact_events
GROUP BY
    hour,
    utm_source,
    utm_medium,
    utm_campaign,
    geo_country,
    geo_region_name,
    device_type,
    browser_name,
    click_key,
    user_key;

CREATE VIEW analytics.visitors
(
    `hour` DateTime('UTC'),
    `utm_source` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `geo_country` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `device_type` LowCardinality(String),
    `browser_name` LowCardinality(String),
    `click_key` UInt64,
    `user_key` UInt64,
    `event_types` SimpleAggregateFunction(groupUniqArrayArray, Array(String))
)
AS SELECT
    v.hour AS hour,
    v.utm_source AS utm_source,
    v.utm_medium AS utm_medium,
    v.utm_campaign AS utm_campaign,
    v.geo_country AS geo_country,
    v.geo_region_name AS geo_region_name,
    v.device_type AS device_type,
    v.browser_name AS browser_name,
    v.click_key AS click_key,
    v.user_key AS user_key,
    v.event_types AS event_types
FROM analytics.visit_hours AS v;

CREATE MATERIALIZED VIEW ops.aggregation_clicks_judge TO ops.aggregation_clicks_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        product_id String,
        count String,
        timestamp String),
    `unknown_fields` UInt64,
    `verdict` String,
    `field` String,
    `detail` String
)
AS SELECT
    message,
    x,
    length(arrayExcept(arrayDistinct(names), ['product_id', 'count', 'timestamp'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['product_id', 'count', 'timestamp'][if(judged > 11, 0, which)] AS field,
    multiIf(judged = 2, concat('expected ', ['a whole number', 'a whole number', 'a whole number'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')), judged = 11, ['not between 0 and 4294967295', 'not between 0 and 4294967295', 'not between 0 and 10413792000'][which], ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]) AS detail
FROM
(
    SELECT
        *,
        JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(product_id String, count String, timestamp String)') AS x,
        arrayFirstIndex(f -> (f != 0), faults) AS which,
        multiIf(length(raw) > 1000000, 12, empty(names) AND (NOT isValidJSON(raw)), 13, empty(names) AND (JSONType(raw) != 'Object'), 14, has(names, 'headwater_heartbeat'), 15, arrayFirst(f -> (f != 0), faults)) AS judged
    FROM
    (
        SELECT
            *,
            arrayMap((g, needed, begins, other, number, lowest, highest) -> multiIf(g = 'null', needed * 1, position(begins, substring(g, 1, 1)) = 0, 2, (other = 9) AND (NOT isFinite(number)), 9, (other = 10) AND (number != floor(number)), 10, (number < lowest) OR (number > highest), 11, 0), given, [1, 1, 1], ['-0123456789', '-0123456789', '-0123456789'], [10, 10, 10], arrayMap(t -> toFloat64OrZero(t), arrayMap(g -> trimBoth(g, '"'), given)), [0, 0, 0], [4294967295, 4294967295, 10413792000]) AS faults
        FROM
        (
            SELECT
                *,
                JSONExtractKeys(raw) AS names,
                arrayMap(g -> if((g IN ('', '""')), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['product_id', 'count', 'timestamp'])) AS given
            FROM
            (
                SELECT
                    message,
                    message.raw AS raw,
                    message.kafka_time AS kafka_time
                FROM ops.aggregation_clicks_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE TABLE ops.aggregation_clicks_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        product_id String,
        count String,
        timestamp String),
    `unknown_fields` UInt32,
    `verdict` LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    `field` LowCardinality(String),
    `detail` String
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.aggregation_clicks_judged_to_staging TO analytics.aggregation_clicks_raw
(
    `product_id` UInt32,
    `count` UInt32,
    `timestamp` UInt64,
    `unknown_fields` UInt32,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    accurateCastOrDefault(toFloat64OrZero(x.product_id), 'UInt32') AS product_id,
    accurateCastOrDefault(toFloat64OrZero(x.count), 'UInt32') AS count,
    accurateCastOrDefault(toFloat64OrZero(x.timestamp), 'UInt64') AS timestamp,
    unknown_fields AS unknown_fields,
    'aggregation_clicks' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.aggregation_clicks_judged
WHERE verdict = '';

CREATE TABLE ops.aggregation_clicks_landing
(
    `raw` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.aggregation_clicks_parse TO ops.aggregation_clicks_parsed
(
    `message` Tuple(
        String,
        UUID,
        UInt32,
        UInt64,
        DateTime64(3, 'UTC'),
        DateTime64(3, 'UTC'),
        LowCardinality(String),
        UInt64),
    `x` Tuple(
        product_id String,
        count String,
        timestamp String),
    `usual` UInt8
)
AS SELECT
    message,
    x,
    notEmpty(names) AND (length(raw) <= 1000000) AND ((names = ['product_id', 'count', 'timestamp']) OR (arrayAll(n -> (n IN ['product_id', 'count', 'timestamp']), names) AND (arrayUniq(names) = length(names)))) AND (NOT ((NOT match(x.product_id, '^[0-9]{1,12}$')) OR ((toFloat64OrZero(x.product_id) < 0) OR (toFloat64OrZero(x.product_id) > 4294967295)) OR (NOT match(raw, '"product_id": ?[0-9]')) OR (NOT match(x.count, '^[0-9]{1,12}$')) OR ((toFloat64OrZero(x.count) < 0) OR (toFloat64OrZero(x.count) > 4294967295)) OR (NOT match(raw, '"count": ?[0-9]')) OR (NOT match(x.timestamp, '^[0-9]{1,12}$')) OR ((toFloat64OrZero(x.timestamp) < 0) OR (toFloat64OrZero(x.timestamp) > 10413792000)) OR (NOT match(raw, '"timestamp": ?[0-9]')))) AS usual
FROM
(
    SELECT
        raw,
        kafka_time,
        (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(product_id String, count String, timestamp String)') AS x,
        JSONExtractKeys(raw) AS names
    FROM ops.aggregation_clicks_landing
);

CREATE TABLE ops.aggregation_clicks_parsed
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        product_id String,
        count String,
        timestamp String),
    `usual` UInt8
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.aggregation_clicks_to_dead_letters TO ops.dead_letters
(
    `raw` String,
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `reason` LowCardinality(String),
    `field` LowCardinality(String),
    `detail` String
)
AS SELECT
    message.raw AS raw,
    'aggregation_clicks' AS stream,
    'aggregation_clicks' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    verdict AS reason,
    field,
    detail
FROM ops.aggregation_clicks_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW ops.aggregation_clicks_to_freshness TO ops.freshness
(
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `heartbeat` String,
    `sent_at` Nullable(DateTime64(3, 'UTC'))
)
AS SELECT
    'aggregation_clicks' AS stream,
    'aggregation_clicks' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(message.raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.aggregation_clicks_judged
WHERE verdict = 'heartbeat';

CREATE MATERIALIZED VIEW ops.aggregation_clicks_usual_to_staging TO analytics.aggregation_clicks_raw
(
    `product_id` UInt32,
    `count` UInt32,
    `timestamp` UInt64,
    `unknown_fields` UInt8,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    accurateCastOrDefault(toFloat64OrZero(x.product_id), 'UInt32') AS product_id,
    accurateCastOrDefault(toFloat64OrZero(x.count), 'UInt32') AS count,
    accurateCastOrDefault(toFloat64OrZero(x.timestamp), 'UInt64') AS timestamp,
    0 AS unknown_fields,
    'aggregation_clicks' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.aggregation_clicks_parsed
WHERE usual;

CREATE VIEW ops.alert_states
(
    `alert` LowCardinality(String),
    `is_firing` Bool,
    `last_message` String,
    `last_help` String,
    `last_evaluated_at` DateTime64(3, 'UTC')
)
AS SELECT
    alert,
    argMax(firing, a.evaluated_at) AS is_firing,
    argMax(message, a.evaluated_at) AS last_message,
    argMax(help, a.evaluated_at) AS last_help,
    max(a.evaluated_at) AS last_evaluated_at
FROM ops.alerts AS a
GROUP BY alert;

CREATE TABLE ops.alerts
(
    `run_id` String COMMENT 'The run that evaluated it',
    `evaluated_at` DateTime64(3, 'UTC') COMMENT 'When it was evaluated',
    `alert` LowCardinality(String) COMMENT 'Its file below clickhouse/sql/alerts',
    `firing` Bool COMMENT 'Whether somebody should look',
    `subjects` Array(String) COMMENT 'What it is about: topics, checks',
    `message` String COMMENT 'What is the matter; empty when it is quiet',
    `help` String COMMENT 'What to do'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(evaluated_at)
ORDER BY (alert, evaluated_at)
TTL toDateTime(evaluated_at) + toIntervalDay(365)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.arrivals
(
    `plan` UInt64,
    `day` Date,
    `events` UInt64 COMMENT 'Facts of the day that can get a part; 0 in the row that closes the plan'
)
ENGINE = MergeTree
ORDER BY (plan, day)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.browser_device_hours
(
    `hour` DateTime('UTC'),
    `browser_name` LowCardinality(String),
    `device_type` LowCardinality(String),
    `total_event_count` SimpleAggregateFunction(sum, UInt64),
    `buy_cnt` SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, browser_name, device_type)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.browser_device_hours_mv TO ops.browser_device_hours
(
    `hour` DateTime('UTC'),
    `browser_name` LowCardinality(String),
    `device_type` LowCardinality(String),
    `total_event_count` UInt64,
    `buy_cnt` UInt64
)
AS SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC')) AS hour,
    browser_name,
    device_type,
    count() AS total_event_count,
    countIf(page_url_path = '/confirmation') AS buy_cnt
FROM analytics.fact_events
GROUP BY
    hour,
    browser_name,
    device_type;

CREATE MATERIALIZED VIEW ops.browser_judge TO ops.browser_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        event_id UUID,
        event_timestamp String,
        event_type LowCardinality(String),
        click_id UUID,
        browser_name LowCardinality(String),
        browser_language LowCardinality(String),
        browser_user_agent String),
    `event_timestamp_at` DateTime64(6, 'UTC'),
    `unknown_fields` UInt64,
    `verdict` String,
    `field` String,
    `detail` String
)
AS SELECT
    message,
    x,
    parseDateTime64BestEffortOrZero(x.event_timestamp, 6, 'UTC') AS event_timestamp_at,
    length(arrayExcept(arrayDistinct(names), ['event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'][if(judged > 11, 0, which)] AS field,
    multiIf(judged = 2, concat('expected ', ['a UUID', 'a time', 'a string', 'a UUID', 'a string', 'a string', 'a string'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')), judged = 11, ['', '', '', '', '', '', ''][which], ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]) AS detail
FROM
(
    SELECT
        *,
        JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(event_id UUID, event_timestamp String, event_type LowCardinality(String), click_id UUID, browser_name LowCardinality(String), browser_language LowCardinality(String), browser_user_agent String)') AS x,
        arrayFirstIndex(f -> (f != 0), faults) AS which,
        multiIf(length(raw) > 1000000, 12, empty(names) AND (NOT isValidJSON(raw)), 13, empty(names) AND (JSONType(raw) != 'Object'), 14, has(names, 'headwater_heartbeat'), 15, arrayFirst(f -> (f != 0), faults)) AS judged
    FROM
    (
        SELECT
            *,
            arrayMap((g, needed, begins, other, t, moment) -> multiIf(g = 'null', needed * 1, position(begins, substring(g, 1, 1)) = 0, 2, (other = 3) AND (NOT match(g, '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$')), other, (other = 4) AND (NOT match(g, '^(?:"(?:[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)")$')), other, other = 4, multiIf((t < '1970') OR (t >= '2299'), 5, isNull(moment), 6, moment < toDateTime64('2000-01-01 00:00:00', 6, 'UTC'), 7, moment > addDays(kafka_time, 1), 8, 0), 0), given, [1, 1, 1, 1, 0, 0, 0], ['"', '"', '"', '"', '"', '"', '"'], [3, 4, 0, 3, 0, 0, 0], arrayMap(g -> trimBoth(g, '"'), given), arrayMap(t -> parseDateTime64BestEffortOrNull(t, 6, 'UTC'), arrayMap(g -> trimBoth(g, '"'), given))) AS faults
        FROM
        (
            SELECT
                *,
                JSONExtractKeys(raw) AS names,
                arrayMap(g -> if((g IN ('', '""')), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'])) AS given
            FROM
            (
                SELECT
                    message,
                    message.raw AS raw,
                    message.kafka_time AS kafka_time
                FROM ops.browser_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE TABLE ops.browser_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        event_id UUID,
        event_timestamp String,
        event_type LowCardinality(String),
        click_id UUID,
        browser_name LowCardinality(String),
        browser_language LowCardinality(String),
        browser_user_agent String),
    `event_timestamp_at` DateTime64(6, 'UTC'),
    `unknown_fields` UInt32,
    `verdict` LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    `field` LowCardinality(String),
    `detail` String
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.browser_judged_to_staging TO analytics.events_browser_raw
(
    `event_id` UUID,
    `event_timestamp` DateTime64(6, 'UTC'),
    `event_type` LowCardinality(String),
    `click_id` UUID,
    `browser_name` LowCardinality(String),
    `browser_language` LowCardinality(String),
    `browser_user_agent` String,
    `unknown_fields` UInt32,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    x.event_id AS event_id,
    event_timestamp_at AS event_timestamp,
    x.event_type AS event_type,
    x.click_id AS click_id,
    x.browser_name AS browser_name,
    x.browser_language AS browser_language,
    x.browser_user_agent AS browser_user_agent,
    unknown_fields AS unknown_fields,
    'browser_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.browser_judged
WHERE verdict = '';

CREATE TABLE ops.browser_landing
(
    `raw` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.browser_parse TO ops.browser_parsed
(
    `message` Tuple(
        String,
        UUID,
        UInt32,
        UInt64,
        DateTime64(3, 'UTC'),
        DateTime64(3, 'UTC'),
        LowCardinality(String),
        UInt64),
    `x` Tuple(
        event_id UUID,
        event_timestamp String,
        event_type LowCardinality(String),
        click_id UUID,
        browser_name LowCardinality(String),
        browser_language LowCardinality(String),
        browser_user_agent String),
    `event_timestamp_at` DateTime64(6, 'UTC'),
    `usual` UInt8
)
AS SELECT
    message,
    x,
    toDateTime64OrZero(x.event_timestamp, 6, 'UTC') AS event_timestamp_at,
    notEmpty(names) AND (length(raw) <= 1000000) AND ((names = ['event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent']) OR (arrayAll(n -> (n IN ['event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent']), names) AND (arrayUniq(names) = length(names)))) AND (NOT (empty(x.event_id) OR (length(x.event_timestamp) NOT IN (19, 21, 22, 23, 24, 25, 26)) OR (x.event_timestamp < '2000') OR (x.event_timestamp >= '2299') OR (NOT startsWith(toString(event_timestamp_at), x.event_timestamp)) OR (event_timestamp_at > addDays(kafka_time, 1)) OR match(x.event_type, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR (x.event_type = '') OR empty(x.click_id) OR match(x.browser_name, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR match(x.browser_language, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR ((ascii(x.browser_user_agent) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123)) AND match(x.browser_user_agent, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')))) AS usual
FROM
(
    SELECT
        raw,
        kafka_time,
        (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(event_id UUID, event_timestamp String, event_type LowCardinality(String), click_id UUID, browser_name LowCardinality(String), browser_language LowCardinality(String), browser_user_agent String)') AS x,
        JSONExtractKeys(raw) AS names
    FROM ops.browser_landing
);

CREATE TABLE ops.browser_parsed
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        event_id UUID,
        event_timestamp String,
        event_type LowCardinality(String),
        click_id UUID,
        browser_name LowCardinality(String),
        browser_language LowCardinality(String),
        browser_user_agent String),
    `event_timestamp_at` DateTime64(6, 'UTC'),
    `usual` UInt8
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.browser_to_dead_letters TO ops.dead_letters
(
    `raw` String,
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `reason` LowCardinality(String),
    `field` LowCardinality(String),
    `detail` String
)
AS SELECT
    message.raw AS raw,
    'browser' AS stream,
    'browser_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    verdict AS reason,
    field,
    detail
FROM ops.browser_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW ops.browser_to_freshness TO ops.freshness
(
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `heartbeat` String,
    `sent_at` Nullable(DateTime64(3, 'UTC'))
)
AS SELECT
    'browser' AS stream,
    'browser_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(message.raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.browser_judged
WHERE verdict = 'heartbeat';

CREATE MATERIALIZED VIEW ops.browser_usual_to_staging TO analytics.events_browser_raw
(
    `event_id` UUID,
    `event_timestamp` DateTime64(6, 'UTC'),
    `event_type` LowCardinality(String),
    `click_id` UUID,
    `browser_name` LowCardinality(String),
    `browser_language` LowCardinality(String),
    `browser_user_agent` String,
    `unknown_fields` UInt8,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    x.event_id AS event_id,
    event_timestamp_at AS event_timestamp,
    x.event_type AS event_type,
    x.click_id AS click_id,
    x.browser_name AS browser_name,
    x.browser_language AS browser_language,
    x.browser_user_agent AS browser_user_agent,
    0 AS unknown_fields,
    'browser_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.browser_parsed
WHERE usual;

CREATE TABLE ops.claims
(
    `topic` LowCardinality(String),
    `epoch` UUID COMMENT 'Kafka topic id: a topic that was deleted and made again is another one',
    `partition` UInt32,
    `from_offset` UInt64 COMMENT 'Where the previous claim of the partition ended',
    `to_offset` UInt64 COMMENT 'First offset after the range',
    `messages` UInt64 COMMENT 'Messages that Kafka handed out in the range; 0 where retention had removed them',
    `generation` UInt32 COMMENT 'Grows only when an earlier claim of the same start was lost in a crash',
    `claim_id` UUID,
    `ingested_at` DateTime64(3, 'UTC'),
    `contract_version` UInt32,
    `member` String COMMENT 'Host and process that made the claim',
    `together` Array(Tuple(
        partition UInt32,
        from_offset UInt64,
        to_offset UInt64,
        messages UInt64,
        claim_id UUID)) COMMENT 'Claims proposed with this one, to be stored by one insert, itself among them; empty when alone'
)
ENGINE = MergeTree
ORDER BY (topic, epoch, partition, from_offset, generation)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE VIEW ops.click_minutes
(
    `minute` DateTime('UTC'),
    `product_id` UInt32,
    `clicks` UInt64
)
AS SELECT
    toStartOfMinute(toDateTime(timestamp, 'UTC')) AS minute,
    product_id,
    toUInt64(count) AS clicks
FROM analytics.product_clicks
UNION ALL
SELECT
    toStartOfMinute(now('UTC')) - toIntervalMinute(1) AS minute,
    toUInt32(0) AS product_id,
    toUInt64(0) AS clicks;

CREATE TABLE ops.closed_days
(
    `day` Date,
    `plan` UInt64 COMMENT 'The plan that retired it',
    `facts` UInt64 COMMENT 'Facts that it held',
    `closed_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (day, plan)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.consumer_errors
(
    `stream` LowCardinality(String),
    `member` String COMMENT 'Host and process of the consumer',
    `consequence` LowCardinality(String) COMMENT 'What follows: retry, fix_settings, stop or unexpected',
    `message` String,
    `happened_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(happened_at)
ORDER BY (stream, happened_at)
TTL toDateTime(happened_at) + toIntervalDay(30)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.corrections
(
    `plan` UInt64,
    `action` Enum8('put' = 1, 'add' = 2, 'remove' = 3, 'end' = 4) COMMENT 'put: stands in the place of the fact; end: one row that closes a piece of the sheet',
    `day` Date,
    `event_id` UUID,
    `event_timestamp` DateTime64(6, 'UTC'),
    `event_type` LowCardinality(String),
    `click_id` UUID,
    `browser_name` LowCardinality(String),
    `browser_language` LowCardinality(String),
    `browser_user_agent` String,
    `os` LowCardinality(String),
    `os_name` LowCardinality(String),
    `os_timezone` LowCardinality(String),
    `device_type` LowCardinality(String),
    `device_is_mobile` Nullable(Bool),
    `user_custom_id` String,
    `user_domain_id` Nullable(UUID),
    `geo_latitude` Nullable(Float64),
    `geo_longitude` Nullable(Float64),
    `geo_country` LowCardinality(String),
    `geo_timezone` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `ip_address` String,
    `page_url` String,
    `page_url_path` String,
    `referer_url` String,
    `referer_medium` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_source` LowCardinality(String),
    `utm_content` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `geo_id` Nullable(UInt64),
    `created_at` DateTime64(3, 'UTC'),
    `build` UInt64,
    `is_complete` Bool,
    `source_object` LowCardinality(String),
    `content_hash` UInt64,
    `location_object` LowCardinality(String) COMMENT 'File or object that the location came from; empty for streams'
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY (action, day, event_id)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.counted_sessions
(
    `started_hour` DateTime('UTC') COMMENT 'Hour of its first event',
    `count_id` UInt64 COMMENT 'The count, as in ops.session_counts',
    `sessions` UInt64 COMMENT 'Sessions of the count: as many rows as it has when it is whole',
    `duration_s` UInt32 COMMENT 'From its first event to its last',
    `event_count` UInt64 COMMENT 'Events',
    `page_count` UInt64 COMMENT 'Distinct paths',
    `utm_source` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `geo_country` LowCardinality(String),
    `device_type` LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toDate(started_hour)
ORDER BY (started_hour, utm_source, utm_campaign, geo_country, device_type)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE VIEW ops.dead_letter_counts
(
    `ingested_at` DateTime64(3, 'UTC'),
    `stream` String,
    `reason` String,
    `field` String,
    `letters` UInt64
)
AS SELECT
    ingested_at,
    stream,
    reason,
    field,
    toUInt64(1) AS letters
FROM ops.dead_letters
UNION ALL
SELECT
    toDateTime64(toStartOfMinute(now('UTC')) - toIntervalMinute(1), 3, 'UTC') AS ingested_at,
    '' AS stream,
    arrayJoin(['too_large', 'invalid_json', 'not_an_object', 'missing_field', 'wrong_type', 'out_of_range', 'implausible_time']) AS reason,
    '' AS field,
    toUInt64(0) AS letters;

CREATE TABLE ops.dead_letters
(
    `raw` String COMMENT 'The message as it came' CODEC(ZSTD(1)),
    `stream` LowCardinality(String),
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1)),
    `reason` LowCardinality(String),
    `field` LowCardinality(String),
    `detail` String
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (topic, epoch, partition, offset)
TTL toDateTime(ingested_at) + toIntervalDay(30)
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1, index_granularity = 8192;

CREATE TABLE ops.decisions
(
    `name` String,
    `value` String,
    `decided_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY name
SETTINGS non_replicated_deduplication_window = 100000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.device_judge TO ops.device_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        click_id UUID,
        os LowCardinality(String),
        os_name LowCardinality(String),
        os_timezone LowCardinality(String),
        device_type LowCardinality(String),
        device_is_mobile Nullable(Bool),
        user_custom_id String,
        user_domain_id UUID),
    `unknown_fields` UInt64,
    `verdict` String,
    `field` String,
    `detail` String
)
AS SELECT
    message,
    x,
    length(arrayExcept(arrayDistinct(names), ['click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'][if(judged > 11, 0, which)] AS field,
    multiIf(judged = 2, concat('expected ', ['a UUID', 'a string', 'a string', 'a string', 'a string', 'true or false', 'a string', 'a UUID'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')), judged = 11, ['', '', '', '', '', '', '', ''][which], ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]) AS detail
FROM
(
    SELECT
        *,
        JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(click_id UUID, os LowCardinality(String), os_name LowCardinality(String), os_timezone LowCardinality(String), device_type LowCardinality(String), device_is_mobile Nullable(Bool), user_custom_id String, user_domain_id UUID)') AS x,
        arrayFirstIndex(f -> (f != 0), faults) AS which,
        multiIf(length(raw) > 1000000, 12, empty(names) AND (NOT isValidJSON(raw)), 13, empty(names) AND (JSONType(raw) != 'Object'), 14, has(names, 'headwater_heartbeat'), 15, arrayFirst(f -> (f != 0), faults)) AS judged
    FROM
    (
        SELECT
            *,
            arrayMap((g, needed, begins, other) -> multiIf(g = 'null', needed * 1, position(begins, substring(g, 1, 1)) = 0, 2, (other = 3) AND (NOT match(g, '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$')), other, 0), given, [1, 0, 0, 0, 0, 0, 0, 1], ['"', '"', '"', '"', '"', 'tf', '"', '"'], [3, 0, 0, 0, 0, 0, 0, 3]) AS faults
        FROM
        (
            SELECT
                *,
                JSONExtractKeys(raw) AS names,
                arrayMap(g -> if((g IN ('', '""')), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'])) AS given
            FROM
            (
                SELECT
                    message,
                    message.raw AS raw,
                    message.kafka_time AS kafka_time
                FROM ops.device_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE TABLE ops.device_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        click_id UUID,
        os LowCardinality(String),
        os_name LowCardinality(String),
        os_timezone LowCardinality(String),
        device_type LowCardinality(String),
        device_is_mobile Nullable(Bool),
        user_custom_id String,
        user_domain_id UUID),
    `unknown_fields` UInt32,
    `verdict` LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    `field` LowCardinality(String),
    `detail` String
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.device_judged_to_staging TO analytics.events_device_raw
(
    `click_id` UUID,
    `os` LowCardinality(String),
    `os_name` LowCardinality(String),
    `os_timezone` LowCardinality(String),
    `device_type` LowCardinality(String),
    `device_is_mobile` Nullable(Bool),
    `user_custom_id` String,
    `user_domain_id` UUID,
    `unknown_fields` UInt32,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    x.click_id AS click_id,
    x.os AS os,
    x.os_name AS os_name,
    x.os_timezone AS os_timezone,
    x.device_type AS device_type,
    x.device_is_mobile AS device_is_mobile,
    x.user_custom_id AS user_custom_id,
    x.user_domain_id AS user_domain_id,
    unknown_fields AS unknown_fields,
    'device_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.device_judged
WHERE verdict = '';

CREATE TABLE ops.device_landing
(
    `raw` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.device_parse TO ops.device_parsed
(
    `message` Tuple(
        String,
        UUID,
        UInt32,
        UInt64,
        DateTime64(3, 'UTC'),
        DateTime64(3, 'UTC'),
        LowCardinality(String),
        UInt64),
    `x` Tuple(
        click_id UUID,
        os LowCardinality(String),
        os_name LowCardinality(String),
        os_timezone LowCardinality(String),
        device_type LowCardinality(String),
        device_is_mobile Nullable(Bool),
        user_custom_id String,
        user_domain_id UUID),
    `usual` UInt8
)
AS SELECT
    message,
    x,
    notEmpty(names) AND (length(raw) <= 1000000) AND ((names = ['click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id']) OR (arrayAll(n -> (n IN ['click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id']), names) AND (arrayUniq(names) = length(names)))) AND (NOT (empty(x.click_id) OR match(x.os, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR match(x.os_name, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR match(x.os_timezone, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR match(x.device_type, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR ((substring(raw, position(raw, '"device_is_mobile":'), 22) NOT IN ('"device_is_mobile":tru', '"device_is_mobile":fal', '"device_is_mobile":nul', '"device_is_mobile":"",', '"device_is_mobile":""}', '"device_is_mobile": tr', '"device_is_mobile": fa', '"device_is_mobile": nu', '"device_is_mobile": ""')) AND has(names, 'device_is_mobile')) OR ((ascii(x.user_custom_id) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123)) AND match(x.user_custom_id, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')) OR empty(x.user_domain_id))) AS usual
FROM
(
    SELECT
        raw,
        kafka_time,
        (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(click_id UUID, os LowCardinality(String), os_name LowCardinality(String), os_timezone LowCardinality(String), device_type LowCardinality(String), device_is_mobile Nullable(Bool), user_custom_id String, user_domain_id UUID)') AS x,
        JSONExtractKeys(raw) AS names
    FROM ops.device_landing
);

CREATE TABLE ops.device_parsed
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        click_id UUID,
        os LowCardinality(String),
        os_name LowCardinality(String),
        os_timezone LowCardinality(String),
        device_type LowCardinality(String),
        device_is_mobile Nullable(Bool),
        user_custom_id String,
        user_domain_id UUID),
    `usual` UInt8
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.device_to_dead_letters TO ops.dead_letters
(
    `raw` String,
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `reason` LowCardinality(String),
    `field` LowCardinality(String),
    `detail` String
)
AS SELECT
    message.raw AS raw,
    'device' AS stream,
    'device_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    verdict AS reason,
    field,
    detail
FROM ops.device_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW ops.device_to_freshness TO ops.freshness
(
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `heartbeat` String,
    `sent_at` Nullable(DateTime64(3, 'UTC'))
)
AS SELECT
    'device' AS stream,
    'device_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(message.raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.device_judged
WHERE verdict = 'heartbeat';

CREATE MATERIALIZED VIEW ops.device_usual_to_staging TO analytics.events_device_raw
(
    `click_id` UUID,
    `os` LowCardinality(String),
    `os_name` LowCardinality(String),
    `os_timezone` LowCardinality(String),
    `device_type` LowCardinality(String),
    `device_is_mobile` Nullable(Bool),
    `user_custom_id` String,
    `user_domain_id` UUID,
    `unknown_fields` UInt8,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    x.click_id AS click_id,
    x.os AS os,
    x.os_name AS os_name,
    x.os_timezone AS os_timezone,
    x.device_type AS device_type,
    x.device_is_mobile AS device_is_mobile,
    x.user_custom_id AS user_custom_id,
    x.user_domain_id AS user_domain_id,
    0 AS unknown_fields,
    'device_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.device_parsed
WHERE usual;

CREATE TABLE ops.erased
(
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `ingested_at` DateTime64(3, 'UTC'),
    `place` Enum8('staged' = 1, 'dead_letter' = 2),
    `plan` UInt64
)
ENGINE = MergeTree
ORDER BY (topic, epoch, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.erasure_keys
(
    `plan` UInt64,
    `kind` LowCardinality(String) COMMENT 'user, name, click, event, address, day, needle; end: one row that closes a piece',
    `value` String
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY (kind, value)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.erasure_requests
(
    `request_id` UUID,
    `user_ids` Array(UUID) COMMENT 'user_domain_id of the person, as asked',
    `names` Array(String) COMMENT 'user_custom_id or e-mail of the person, as asked, in lower case',
    `requested_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY request_id
ORDER BY request_id
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.erasures
(
    `plan` UInt64,
    `request_id` UUID,
    `place` LowCardinality(String) COMMENT 'Table; end: one row that closes the erasure',
    `build` UInt64 COMMENT 'For facts and the quarantine: the plan that had built them',
    `rows` UInt64,
    `erased_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (plan, place, build)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.freshness
(
    `stream` LowCardinality(String),
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1)),
    `heartbeat` String,
    `sent_at` Nullable(DateTime64(3, 'UTC'))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (topic, epoch, partition, offset)
TTL toDateTime(ingested_at) + toIntervalDay(30)
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1, index_granularity = 8192;

CREATE TABLE ops.geo_days
(
    `date` Date,
    `geo_id` UInt64,
    `geo_country` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `geo_latitude` SimpleAggregateFunction(any, Nullable(Float64)),
    `geo_longitude` SimpleAggregateFunction(any, Nullable(Float64)),
    `geo_timezone` LowCardinality(String),
    `events` SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY date
ORDER BY (date, geo_id, geo_country, geo_region_name, geo_timezone)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.geo_days_mv TO ops.geo_days
(
    `date` Date,
    `geo_id` UInt64,
    `geo_country` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `geo_latitude` Nullable(Float64),
    `geo_longitude` Nullable(Float64),
    `geo_timezone` LowCardinality(String),
    `events` UInt64
)
AS SELECT
    toDate(event_timestamp) AS date,
    assumeNotNull(fact_events.geo_id) AS geo_id,
    geo_country,
    geo_region_name,
    any(fact_events.geo_latitude) AS geo_latitude,
    any(fact_events.geo_longitude) AS geo_longitude,
    geo_timezone,
    toUInt64(count()) AS events
FROM analytics.fact_events
WHERE isNotNull(fact_events.geo_id)
GROUP BY
    date,
    geo_id,
    geo_country,
    geo_region_name,
    geo_timezone;

CREATE MATERIALIZED VIEW ops.geo_judge TO ops.geo_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        click_id UUID,
        geo_latitude String,
        geo_longitude String,
        geo_country LowCardinality(String),
        geo_timezone LowCardinality(String),
        geo_region_name LowCardinality(String),
        ip_address String),
    `geo_latitude_number` Nullable(Float64),
    `geo_longitude_number` Nullable(Float64),
    `unknown_fields` UInt64,
    `verdict` String,
    `field` String,
    `detail` String
)
AS SELECT
    message,
    x,
    toFloat64OrNull(x.geo_latitude) AS geo_latitude_number,
    toFloat64OrNull(x.geo_longitude) AS geo_longitude_number,
    length(arrayExcept(arrayDistinct(names), ['click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'][if(judged > 11, 0, which)] AS field,
    multiIf(judged = 2, concat('expected ', ['a UUID', 'a number', 'a number', 'a string', 'a string', 'a string', 'a string'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')), judged = 11, ['', 'not between -90 and 90', 'not between -180 and 180', '', '', '', ''][which], ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]) AS detail
FROM
(
    SELECT
        *,
        JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(click_id UUID, geo_latitude String, geo_longitude String, geo_country LowCardinality(String), geo_timezone LowCardinality(String), geo_region_name LowCardinality(String), ip_address String)') AS x,
        arrayFirstIndex(f -> (f != 0), faults) AS which,
        multiIf(length(raw) > 1000000, 12, empty(names) AND (NOT isValidJSON(raw)), 13, empty(names) AND (JSONType(raw) != 'Object'), 14, has(names, 'headwater_heartbeat'), 15, arrayFirst(f -> (f != 0), faults)) AS judged
    FROM
    (
        SELECT
            *,
            arrayMap((g, needed, begins, other, number, lowest, highest) -> multiIf(g = 'null', needed * 1, position(begins, substring(g, 1, 1)) = 0, 2, (other = 3) AND (NOT match(g, '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$')), other, (other = 9) AND (NOT match(g, '^[^"]|^(?:"(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)")$')), other, (other = 9) AND (NOT isFinite(number)), 9, (other = 10) AND (number != floor(number)), 10, (number < lowest) OR (number > highest), 11, 0), given, [1, 0, 0, 0, 0, 0, 0], ['"', '"-0123456789', '"-0123456789', '"', '"', '"', '"'], [3, 9, 9, 0, 0, 0, 0], arrayMap(t -> toFloat64OrZero(t), arrayMap(g -> trimBoth(g, '"'), given)), [-inf, -90, -180, -inf, -inf, -inf, -inf], [inf, 90, 180, inf, inf, inf, inf]) AS faults
        FROM
        (
            SELECT
                *,
                JSONExtractKeys(raw) AS names,
                arrayMap(g -> if((g IN ('', '""')), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'])) AS given
            FROM
            (
                SELECT
                    message,
                    message.raw AS raw,
                    message.kafka_time AS kafka_time
                FROM ops.geo_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE TABLE ops.geo_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        click_id UUID,
        geo_latitude String,
        geo_longitude String,
        geo_country LowCardinality(String),
        geo_timezone LowCardinality(String),
        geo_region_name LowCardinality(String),
        ip_address String),
    `geo_latitude_number` Nullable(Float64),
    `geo_longitude_number` Nullable(Float64),
    `unknown_fields` UInt32,
    `verdict` LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    `field` LowCardinality(String),
    `detail` String
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.geo_judged_to_staging TO analytics.events_geo_raw
(
    `click_id` UUID,
    `geo_latitude` Nullable(Float64),
    `geo_longitude` Nullable(Float64),
    `geo_country` LowCardinality(String),
    `geo_timezone` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `ip_address` String,
    `unknown_fields` UInt32,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    x.click_id AS click_id,
    geo_latitude_number AS geo_latitude,
    geo_longitude_number AS geo_longitude,
    x.geo_country AS geo_country,
    x.geo_timezone AS geo_timezone,
    x.geo_region_name AS geo_region_name,
    x.ip_address AS ip_address,
    unknown_fields AS unknown_fields,
    'geo_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.geo_judged
WHERE verdict = '';

CREATE TABLE ops.geo_landing
(
    `raw` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.geo_parse TO ops.geo_parsed
(
    `message` Tuple(
        String,
        UUID,
        UInt32,
        UInt64,
        DateTime64(3, 'UTC'),
        DateTime64(3, 'UTC'),
        LowCardinality(String),
        UInt64),
    `x` Tuple(
        click_id UUID,
        geo_latitude String,
        geo_longitude String,
        geo_country LowCardinality(String),
        geo_timezone LowCardinality(String),
        geo_region_name LowCardinality(String),
        ip_address String),
    `geo_latitude_number` Nullable(Float64),
    `geo_longitude_number` Nullable(Float64),
    `usual` UInt8
)
AS SELECT
    message,
    x,
    toFloat64OrNull(x.geo_latitude) AS geo_latitude_number,
    toFloat64OrNull(x.geo_longitude) AS geo_longitude_number,
    notEmpty(names) AND (length(raw) <= 1000000) AND ((names = ['click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address']) OR (arrayAll(n -> (n IN ['click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address']), names) AND (arrayUniq(names) = length(names)))) AND (NOT (empty(x.click_id) OR (NOT match(x.geo_latitude, '^(?:|[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$')) OR ((ifNull(geo_latitude_number, 0) < -90) OR (ifNull(geo_latitude_number, 0) > 90)) OR (NOT match(x.geo_longitude, '^(?:|[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$')) OR ((ifNull(geo_longitude_number, 0) < -180) OR (ifNull(geo_longitude_number, 0) > 180)) OR match(x.geo_country, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR match(x.geo_timezone, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR match(x.geo_region_name, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR match(x.ip_address, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)'))) AS usual
FROM
(
    SELECT
        raw,
        kafka_time,
        (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(click_id UUID, geo_latitude String, geo_longitude String, geo_country LowCardinality(String), geo_timezone LowCardinality(String), geo_region_name LowCardinality(String), ip_address String)') AS x,
        JSONExtractKeys(raw) AS names
    FROM ops.geo_landing
);

CREATE TABLE ops.geo_parsed
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        click_id UUID,
        geo_latitude String,
        geo_longitude String,
        geo_country LowCardinality(String),
        geo_timezone LowCardinality(String),
        geo_region_name LowCardinality(String),
        ip_address String),
    `geo_latitude_number` Nullable(Float64),
    `geo_longitude_number` Nullable(Float64),
    `usual` UInt8
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.geo_to_dead_letters TO ops.dead_letters
(
    `raw` String,
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `reason` LowCardinality(String),
    `field` LowCardinality(String),
    `detail` String
)
AS SELECT
    message.raw AS raw,
    'geo' AS stream,
    'geo_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    verdict AS reason,
    field,
    detail
FROM ops.geo_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW ops.geo_to_freshness TO ops.freshness
(
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `heartbeat` String,
    `sent_at` Nullable(DateTime64(3, 'UTC'))
)
AS SELECT
    'geo' AS stream,
    'geo_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(message.raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.geo_judged
WHERE verdict = 'heartbeat';

CREATE MATERIALIZED VIEW ops.geo_usual_to_staging TO analytics.events_geo_raw
(
    `click_id` UUID,
    `geo_latitude` Nullable(Float64),
    `geo_longitude` Nullable(Float64),
    `geo_country` LowCardinality(String),
    `geo_timezone` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `ip_address` String,
    `unknown_fields` UInt8,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    x.click_id AS click_id,
    geo_latitude_number AS geo_latitude,
    geo_longitude_number AS geo_longitude,
    x.geo_country AS geo_country,
    x.geo_timezone AS geo_timezone,
    x.geo_region_name AS geo_region_name,
    x.ip_address AS ip_address,
    0 AS unknown_fields,
    'geo_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.geo_parsed
WHERE usual;

CREATE TABLE ops.incomplete
(
    `event_id` UUID,
    `event_timestamp` DateTime64(6, 'UTC'),
    `click_id` UUID,
    `build` UInt64,
    `lacks_device` Bool,
    `lacks_geo` Bool,
    `lacks_location` Bool
)
ENGINE = MergeTree
PARTITION BY toDate(event_timestamp)
ORDER BY event_id
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.incomplete_mv TO ops.incomplete
(
    `event_id` UUID,
    `event_timestamp` DateTime64(6, 'UTC'),
    `click_id` UUID,
    `build` UInt64,
    `lacks_device` UInt8,
    `lacks_geo` UInt8,
    `lacks_location` UInt8
)
AS SELECT
    event_id,
    event_timestamp,
    click_id,
    build,
    isNull(user_domain_id) AS lacks_device,
    isNull(geo_id) AS lacks_geo,
    page_url_path = '' AS lacks_location
FROM analytics.fact_events
WHERE NOT is_complete;

CREATE MATERIALIZED VIEW ops.interaction_judge TO ops.interaction_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        event_id UUID,
        click_id UUID,
        event_type LowCardinality(String),
        event_title String,
        element_id LowCardinality(String),
        x String,
        y String,
        payload String,
        event_timestamp String,
        page_url_path String),
    `event_timestamp_at` Nullable(DateTime64(6, 'UTC')),
    `x_number` Nullable(Float64),
    `y_number` Nullable(Float64),
    `unknown_fields` UInt64,
    `verdict` String,
    `field` String,
    `detail` String
)
AS SELECT
    message,
    x,
    parseDateTime64BestEffortOrNull(nullIf(x.event_timestamp, ''), 6, 'UTC') AS event_timestamp_at,
    toFloat64OrNull(x.x) AS x_number,
    toFloat64OrNull(x.y) AS y_number,
    length(arrayExcept(arrayDistinct(names), ['event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path'][if(judged > 11, 0, which)] AS field,
    multiIf(judged = 2, concat('expected ', ['a UUID', 'a UUID', 'a string', 'a string', 'a string', 'a number', 'a number', 'a string', 'a time', 'a string'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')), judged = 11, ['', '', '', '', '', 'not between -1000000 and 1000000', 'not between -1000000 and 1000000', '', '', ''][which], ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]) AS detail
FROM
(
    SELECT
        *,
        JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(event_id UUID, click_id UUID, event_type LowCardinality(String), event_title String, element_id LowCardinality(String), x String, y String, payload String, event_timestamp String, page_url_path String)') AS x,
        arrayFirstIndex(f -> (f != 0), faults) AS which,
        multiIf(length(raw) > 1000000, 12, empty(names) AND (NOT isValidJSON(raw)), 13, empty(names) AND (JSONType(raw) != 'Object'), 14, has(names, 'headwater_heartbeat'), 15, arrayFirst(f -> (f != 0), faults)) AS judged
    FROM
    (
        SELECT
            *,
            arrayMap((g, needed, begins, other, t, moment, number, lowest, highest) -> multiIf(g = 'null', needed * 1, position(begins, substring(g, 1, 1)) = 0, 2, (other = 3) AND (NOT match(g, '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$')), other, (other = 4) AND (NOT match(g, '^(?:"(?:[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)")$')), other, (other = 9) AND (NOT match(g, '^[^"]|^(?:"(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)")$')), other, other = 4, multiIf((t < '1970') OR (t >= '2299'), 5, isNull(moment), 6, moment < toDateTime64('2000-01-01 00:00:00', 6, 'UTC'), 7, moment > addDays(kafka_time, 1), 8, 0), (other = 9) AND (NOT isFinite(number)), 9, (other = 10) AND (number != floor(number)), 10, (number < lowest) OR (number > highest), 11, 0), given, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0], ['"', '"', '"', '"', '"', '"-0123456789', '"-0123456789', '"', '"', '"'], [3, 3, 0, 0, 0, 9, 9, 0, 4, 0], arrayMap(g -> trimBoth(g, '"'), given), arrayMap(t -> parseDateTime64BestEffortOrNull(t, 6, 'UTC'), arrayMap(g -> trimBoth(g, '"'), given)), arrayMap(t -> toFloat64OrZero(t), arrayMap(g -> trimBoth(g, '"'), given)), [-inf, -inf, -inf, -inf, -inf, -1000000, -1000000, -inf, -inf, -inf], [inf, inf, inf, inf, inf, 1000000, 1000000, inf, inf, inf]) AS faults
        FROM
        (
            SELECT
                *,
                JSONExtractKeys(raw) AS names,
                arrayMap(g -> if((g IN ('', '""')), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path'])) AS given
            FROM
            (
                SELECT
                    message,
                    message.raw AS raw,
                    message.kafka_time AS kafka_time
                FROM ops.interaction_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE TABLE ops.interaction_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        event_id UUID,
        click_id UUID,
        event_type LowCardinality(String),
        event_title String,
        element_id LowCardinality(String),
        x String,
        y String,
        payload String,
        event_timestamp String,
        page_url_path String),
    `event_timestamp_at` Nullable(DateTime64(6, 'UTC')),
    `x_number` Nullable(Float64),
    `y_number` Nullable(Float64),
    `unknown_fields` UInt32,
    `verdict` LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    `field` LowCardinality(String),
    `detail` String
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.interaction_judged_to_staging TO analytics.events_interaction_raw
(
    `event_id` UUID,
    `click_id` UUID,
    `event_type` LowCardinality(String),
    `event_title` String,
    `element_id` LowCardinality(String),
    `x` Nullable(Float64),
    `y` Nullable(Float64),
    `payload` String,
    `event_timestamp` Nullable(DateTime64(6, 'UTC')),
    `page_url_path` String,
    `unknown_fields` UInt32,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    x.event_id AS event_id,
    x.click_id AS click_id,
    x.event_type AS event_type,
    x.event_title AS event_title,
    x.element_id AS element_id,
    x_number AS x,
    y_number AS y,
    x.payload AS payload,
    event_timestamp_at AS event_timestamp,
    x.page_url_path AS page_url_path,
    unknown_fields AS unknown_fields,
    'interaction_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.interaction_judged
WHERE verdict = '';

CREATE TABLE ops.interaction_landing
(
    `raw` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.interaction_parse TO ops.interaction_parsed
(
    `message` Tuple(
        String,
        UUID,
        UInt32,
        UInt64,
        DateTime64(3, 'UTC'),
        DateTime64(3, 'UTC'),
        LowCardinality(String),
        UInt64),
    `x` Tuple(
        event_id UUID,
        click_id UUID,
        event_type LowCardinality(String),
        event_title String,
        element_id LowCardinality(String),
        x String,
        y String,
        payload String,
        event_timestamp String,
        page_url_path String),
    `event_timestamp_at` Nullable(DateTime64(6, 'UTC')),
    `x_number` Nullable(Float64),
    `y_number` Nullable(Float64),
    `usual` UInt8
)
AS SELECT
    message,
    x,
    toDateTime64OrNull(nullIf(x.event_timestamp, ''), 6, 'UTC') AS event_timestamp_at,
    toFloat64OrNull(x.x) AS x_number,
    toFloat64OrNull(x.y) AS y_number,
    notEmpty(names) AND (length(raw) <= 1000000) AND ((names = ['event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path']) OR (arrayAll(n -> (n IN ['event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path']), names) AND (arrayUniq(names) = length(names)))) AND (NOT (empty(x.event_id) OR empty(x.click_id) OR match(x.event_type, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR (x.event_type = '') OR ((ascii(x.event_title) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123)) AND match(x.event_title, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')) OR match(x.element_id, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR (NOT match(x.x, '^(?:|[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$')) OR ((ifNull(x_number, 0) < -1000000) OR (ifNull(x_number, 0) > 1000000)) OR (NOT match(x.y, '^(?:|[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$')) OR ((ifNull(y_number, 0) < -1000000) OR (ifNull(y_number, 0) > 1000000)) OR (match(x.payload, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') AND (JSONType(raw, 'payload') != 'String')) OR ((x.event_timestamp != '') AND ifNull((length(x.event_timestamp) NOT IN (19, 21, 22, 23, 24, 25, 26)) OR (x.event_timestamp < '2000') OR (x.event_timestamp >= '2299') OR (NOT startsWith(toString(event_timestamp_at), x.event_timestamp)) OR (event_timestamp_at > addDays(kafka_time, 1)), 1)) OR ((ascii(x.page_url_path) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123)) AND match(x.page_url_path, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')))) AS usual
FROM
(
    SELECT
        raw,
        kafka_time,
        (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(event_id UUID, click_id UUID, event_type LowCardinality(String), event_title String, element_id LowCardinality(String), x String, y String, payload String, event_timestamp String, page_url_path String)') AS x,
        JSONExtractKeys(raw) AS names
    FROM ops.interaction_landing
);

CREATE TABLE ops.interaction_parsed
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        event_id UUID,
        click_id UUID,
        event_type LowCardinality(String),
        event_title String,
        element_id LowCardinality(String),
        x String,
        y String,
        payload String,
        event_timestamp String,
        page_url_path String),
    `event_timestamp_at` Nullable(DateTime64(6, 'UTC')),
    `x_number` Nullable(Float64),
    `y_number` Nullable(Float64),
    `usual` UInt8
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.interaction_to_dead_letters TO ops.dead_letters
(
    `raw` String,
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `reason` LowCardinality(String),
    `field` LowCardinality(String),
    `detail` String
)
AS SELECT
    message.raw AS raw,
    'interaction' AS stream,
    'interaction_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    verdict AS reason,
    field,
    detail
FROM ops.interaction_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW ops.interaction_to_freshness TO ops.freshness
(
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `heartbeat` String,
    `sent_at` Nullable(DateTime64(3, 'UTC'))
)
AS SELECT
    'interaction' AS stream,
    'interaction_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(message.raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.interaction_judged
WHERE verdict = 'heartbeat';

CREATE MATERIALIZED VIEW ops.interaction_usual_to_staging TO analytics.events_interaction_raw
(
    `event_id` UUID,
    `click_id` UUID,
    `event_type` LowCardinality(String),
    `event_title` String,
    `element_id` LowCardinality(String),
    `x` Nullable(Float64),
    `y` Nullable(Float64),
    `payload` String,
    `event_timestamp` Nullable(DateTime64(6, 'UTC')),
    `page_url_path` String,
    `unknown_fields` UInt8,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    x.event_id AS event_id,
    x.click_id AS click_id,
    x.event_type AS event_type,
    x.event_title AS event_title,
    x.element_id AS element_id,
    x_number AS x,
    y_number AS y,
    x.payload AS payload,
    event_timestamp_at AS event_timestamp,
    x.page_url_path AS page_url_path,
    0 AS unknown_fields,
    'interaction_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.interaction_parsed
WHERE usual;

CREATE TABLE ops.kept_out
(
    `plan` UInt64,
    `click_id` UUID,
    `is_end` Bool COMMENT 'The row that closes the sheet'
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY click_id
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.known_visits
(
    `plan` UInt64,
    `place` UInt64 COMMENT 'Number of the row in the sheet, from 0 on without a gap',
    `is_end` Bool COMMENT 'The last row, which closes the sheet',
    `click_id` UUID,
    `part` Enum8('device' = 1, 'geo' = 2),
    `os` LowCardinality(String),
    `os_name` LowCardinality(String),
    `os_timezone` LowCardinality(String),
    `device_type` LowCardinality(String),
    `device_is_mobile` Nullable(Bool),
    `user_custom_id` String,
    `user_domain_id` Nullable(UUID),
    `geo_latitude` Nullable(Float64),
    `geo_longitude` Nullable(Float64),
    `geo_country` LowCardinality(String),
    `geo_timezone` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `ip_address` String
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY (part, click_id)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.leading_hours
(
    `day` Date,
    `print` UInt64 COMMENT 'Hash of the views and purchases that were counted, as in ops.leading_prints',
    `hour` DateTime('UTC') COMMENT 'Of the view',
    `page_url` LowCardinality(String) COMMENT 'The path',
    `browser_name` LowCardinality(String),
    `device_type` LowCardinality(String),
    `cnt` SimpleAggregateFunction(max, UInt64) COMMENT 'Views; the same in every row of a key'
)
ENGINE = AggregatingMergeTree
PARTITION BY day
ORDER BY (day, print, hour, page_url, browser_name, device_type)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE VIEW ops.leading_prints
(
    `day` Date,
    `print` UInt64
)
AS SELECT
    v.day AS day,
    cityHash64(v.print, ifNull(p.print, 0)) AS print
FROM
(
    SELECT
        toDate(hour) AS day,
        sum(cityHash64(user_key, viewed_at, page_url, browser_name, device_type)) AS print
    FROM ops.product_views
    GROUP BY toDate(hour)
) AS v
LEFT JOIN
(
    SELECT
        bought - back AS day,
        sum(d.print) AS print
    FROM
    (
        SELECT
            toDate(purchased_at) AS bought,
            sum(cityHash64(week, user_key, purchased_at)) AS print
        FROM ops.purchase_weeks
        WHERE toDate(purchased_at) < toDate(now('UTC'))
        GROUP BY toDate(purchased_at)
    ) AS d
    ARRAY JOIN range(8) AS back
    GROUP BY day
) AS p ON p.day = v.day;

CREATE TABLE ops.load_progress
(
    `key` String COMMENT 'Path of the file',
    `etag` String COMMENT 'Identity of its content',
    `topic` LowCardinality(String),
    `epoch` UUID COMMENT 'Topic id that it is sent to',
    `variant` String COMMENT 'As in ops.loaded_objects',
    `position` UInt64 COMMENT 'Bytes of the unpacked file that are done',
    `lines` UInt64 COMMENT 'Lines of the file that are done, blank ones included',
    `sent` UInt64 COMMENT 'Messages that Kafka acknowledged',
    `rejects` UInt64 COMMENT 'Lines that were refused before Kafka',
    `saved_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, key, saved_at)
TTL toDateTime(saved_at) + toIntervalDay(30)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.loaded_objects
(
    `key` String COMMENT 'Path of the file or key of the object',
    `etag` String COMMENT 'Identity of its content',
    `topic` LowCardinality(String),
    `epoch` UUID COMMENT 'Topic id that it was sent to',
    `variant` String COMMENT 'How the lines were changed on the way, such as a shift of time; empty: not at all',
    `size_bytes` UInt64,
    `lines` UInt64 COMMENT 'Messages that Kafka acknowledged',
    `rejects` UInt64 COMMENT 'Lines that were refused before Kafka',
    `loaded_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, key, loaded_at)
SETTINGS non_replicated_deduplication_window = 100000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.location_judge TO ops.location_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        event_id UUID,
        page_url String,
        page_url_path String,
        referer_url String,
        referer_medium LowCardinality(String),
        utm_medium LowCardinality(String),
        utm_source LowCardinality(String),
        utm_content LowCardinality(String),
        utm_campaign LowCardinality(String)),
    `unknown_fields` UInt64,
    `verdict` String,
    `field` String,
    `detail` String
)
AS SELECT
    message,
    x,
    length(arrayExcept(arrayDistinct(names), ['event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'][if(judged > 11, 0, which)] AS field,
    multiIf(judged = 2, concat('expected ', ['a UUID', 'a string', 'a string', 'a string', 'a string', 'a string', 'a string', 'a string', 'a string'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')), judged = 11, ['', '', '', '', '', '', '', '', ''][which], ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]) AS detail
FROM
(
    SELECT
        *,
        JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(event_id UUID, page_url String, page_url_path String, referer_url String, referer_medium LowCardinality(String), utm_medium LowCardinality(String), utm_source LowCardinality(String), utm_content LowCardinality(String), utm_campaign LowCardinality(String))') AS x,
        arrayFirstIndex(f -> (f != 0), faults) AS which,
        multiIf(length(raw) > 1000000, 12, empty(names) AND (NOT isValidJSON(raw)), 13, empty(names) AND (JSONType(raw) != 'Object'), 14, has(names, 'headwater_heartbeat'), 15, arrayFirst(f -> (f != 0), faults)) AS judged
    FROM
    (
        SELECT
            *,
            arrayMap((g, needed, begins, other) -> multiIf(g = 'null', needed * 1, position(begins, substring(g, 1, 1)) = 0, 2, (other = 3) AND (NOT match(g, '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$')), other, 0), given, [1, 0, 1, 0, 0, 0, 0, 0, 0], ['"', '"', '"', '"', '"', '"', '"', '"', '"'], [3, 0, 0, 0, 0, 0, 0, 0, 0]) AS faults
        FROM
        (
            SELECT
                *,
                JSONExtractKeys(raw) AS names,
                arrayMap(g -> if((g IN ('', '""')), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'])) AS given
            FROM
            (
                SELECT
                    message,
                    message.raw AS raw,
                    message.kafka_time AS kafka_time
                FROM ops.location_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE TABLE ops.location_judged
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        event_id UUID,
        page_url String,
        page_url_path String,
        referer_url String,
        referer_medium LowCardinality(String),
        utm_medium LowCardinality(String),
        utm_source LowCardinality(String),
        utm_content LowCardinality(String),
        utm_campaign LowCardinality(String)),
    `unknown_fields` UInt32,
    `verdict` LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    `field` LowCardinality(String),
    `detail` String
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.location_judged_to_staging TO analytics.events_location_raw
(
    `event_id` UUID,
    `page_url` String,
    `page_url_path` String,
    `referer_url` String,
    `referer_medium` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_source` LowCardinality(String),
    `utm_content` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `unknown_fields` UInt32,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    x.event_id AS event_id,
    x.page_url AS page_url,
    x.page_url_path AS page_url_path,
    x.referer_url AS referer_url,
    x.referer_medium AS referer_medium,
    x.utm_medium AS utm_medium,
    x.utm_source AS utm_source,
    x.utm_content AS utm_content,
    x.utm_campaign AS utm_campaign,
    unknown_fields AS unknown_fields,
    'location_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.location_judged
WHERE verdict = '';

CREATE TABLE ops.location_landing
(
    `raw` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64 CODEC(Delta(8), ZSTD(1)),
    `kafka_time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `ingested_at` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `origin` LowCardinality(String),
    `origin_line` UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.location_parse TO ops.location_parsed
(
    `message` Tuple(
        String,
        UUID,
        UInt32,
        UInt64,
        DateTime64(3, 'UTC'),
        DateTime64(3, 'UTC'),
        LowCardinality(String),
        UInt64),
    `x` Tuple(
        event_id UUID,
        page_url String,
        page_url_path String,
        referer_url String,
        referer_medium LowCardinality(String),
        utm_medium LowCardinality(String),
        utm_source LowCardinality(String),
        utm_content LowCardinality(String),
        utm_campaign LowCardinality(String)),
    `usual` UInt8
)
AS SELECT
    message,
    x,
    notEmpty(names) AND (length(raw) <= 1000000) AND ((names = ['event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign']) OR (arrayAll(n -> (n IN ['event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign']), names) AND (arrayUniq(names) = length(names)))) AND (NOT (empty(x.event_id) OR ((ascii(x.page_url) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123)) AND match(x.page_url, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')) OR ((ascii(x.page_url_path) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123)) AND match(x.page_url_path, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')) OR (x.page_url_path = '') OR ((ascii(x.referer_url) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123)) AND match(x.referer_url, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')) OR match(x.referer_medium, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR match(x.utm_medium, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR match(x.utm_source, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR match(x.utm_content, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') OR match(x.utm_campaign, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)'))) AS usual
FROM
(
    SELECT
        raw,
        kafka_time,
        (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(event_id UUID, page_url String, page_url_path String, referer_url String, referer_medium LowCardinality(String), utm_medium LowCardinality(String), utm_source LowCardinality(String), utm_content LowCardinality(String), utm_campaign LowCardinality(String))') AS x,
        JSONExtractKeys(raw) AS names
    FROM ops.location_landing
);

CREATE TABLE ops.location_parsed
(
    `message` Tuple(
        raw String,
        epoch UUID,
        partition UInt32,
        offset UInt64,
        kafka_time DateTime64(3, 'UTC'),
        ingested_at DateTime64(3, 'UTC'),
        origin LowCardinality(String),
        origin_line UInt64),
    `x` Tuple(
        event_id UUID,
        page_url String,
        page_url_path String,
        referer_url String,
        referer_medium LowCardinality(String),
        utm_medium LowCardinality(String),
        utm_source LowCardinality(String),
        utm_content LowCardinality(String),
        utm_campaign LowCardinality(String)),
    `usual` UInt8
)
ENGINE = `Null`;

CREATE MATERIALIZED VIEW ops.location_to_dead_letters TO ops.dead_letters
(
    `raw` String,
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `reason` LowCardinality(String),
    `field` LowCardinality(String),
    `detail` String
)
AS SELECT
    message.raw AS raw,
    'location' AS stream,
    'location_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    verdict AS reason,
    field,
    detail
FROM ops.location_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW ops.location_to_freshness TO ops.freshness
(
    `stream` String,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `heartbeat` String,
    `sent_at` Nullable(DateTime64(3, 'UTC'))
)
AS SELECT
    'location' AS stream,
    'location_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(message.raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.location_judged
WHERE verdict = 'heartbeat';

CREATE MATERIALIZED VIEW ops.location_usual_to_staging TO analytics.events_location_raw
(
    `event_id` UUID,
    `page_url` String,
    `page_url_path` String,
    `referer_url` String,
    `referer_medium` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_source` LowCardinality(String),
    `utm_content` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `unknown_fields` UInt8,
    `topic` String,
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64
)
AS SELECT
    x.event_id AS event_id,
    x.page_url AS page_url,
    x.page_url_path AS page_url_path,
    x.referer_url AS referer_url,
    x.referer_medium AS referer_medium,
    x.utm_medium AS utm_medium,
    x.utm_source AS utm_source,
    x.utm_content AS utm_content,
    x.utm_campaign AS utm_campaign,
    0 AS unknown_fields,
    'location_events' AS topic,
    message.epoch AS epoch,
    message.partition AS partition,
    message.offset AS offset,
    message.kafka_time AS kafka_time,
    message.ingested_at AS ingested_at,
    message.origin AS origin,
    message.origin_line AS origin_line
FROM ops.location_parsed
WHERE usual;

CREATE TABLE ops.marks
(
    `plan_id` UUID COMMENT 'The claim of the build; put down before the claim is sent'
)
ENGINE = Memory
SETTINGS min_rows_to_keep = 1000, max_rows_to_keep = 10000;

CREATE TABLE ops.matched
(
    `plan` UInt64,
    `action` Enum8('fact' = 1, 'repeat' = 2, 'conflict' = 3, 'wait' = 4, 'closed' = 5, 'erased' = 6),
    `waited` Bool COMMENT 'It came from the waiting set',
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `event_id` UUID,
    `event_timestamp` DateTime64(6, 'UTC'),
    `event_type` LowCardinality(String),
    `click_id` UUID,
    `browser_name` LowCardinality(String),
    `browser_language` LowCardinality(String),
    `browser_user_agent` String,
    `has_device` Bool,
    `os` LowCardinality(String),
    `os_name` LowCardinality(String),
    `os_timezone` LowCardinality(String),
    `device_type` LowCardinality(String),
    `device_is_mobile` Nullable(Bool),
    `user_custom_id` String,
    `user_domain_id` Nullable(UUID),
    `has_geo` Bool,
    `geo_latitude` Nullable(Float64),
    `geo_longitude` Nullable(Float64),
    `geo_country` LowCardinality(String),
    `geo_timezone` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `ip_address` String,
    `has_location` Bool,
    `page_url` String,
    `page_url_path` String,
    `referer_url` String,
    `referer_medium` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_source` LowCardinality(String),
    `utm_content` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `content_hash` UInt64,
    `location_object` LowCardinality(String) COMMENT 'File or object that the location came from; empty for streams'
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY (action, toDate(event_timestamp), event_id)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.migrations
(
    `number` UInt32,
    `name` String,
    `sha256` String,
    `applied_at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY number
SETTINGS non_replicated_deduplication_window = 100000, index_granularity = 8192;

CREATE TABLE ops.plans
(
    `plan` UInt64,
    `plan_id` UUID,
    `as_of` DateTime64(3, 'UTC') COMMENT 'The time that decides about grace and fills created_at',
    `grace_s` UInt32,
    `ranges` Array(Tuple(
        topic String,
        epoch UUID,
        partition UInt32,
        from_offset UInt64,
        to_offset UInt64)),
    `first_ingested_at` DateTime64(3, 'UTC'),
    `last_ingested_at` DateTime64(3, 'UTC'),
    `member` String,
    `kind` LowCardinality(String) DEFAULT 'build' COMMENT 'build, correct, rebuild, retire, erase, reload, truncate_warehouse or truncate_all: what the plan does',
    `days` Array(Date) COMMENT 'Days that a plan rebuilds or retires; empty for builds',
    `ids` Array(UUID) COMMENT 'Events that were found to stand twice; of an erasure, reload or truncation its request',
    `pieces` UInt32 DEFAULT 1 COMMENT 'Inserts that the work sheet of a correction is made by',
    `reached` Array(Tuple(
        topic String,
        epoch UUID,
        partition UInt32,
        to_offset UInt64)) COMMENT 'Offset that builds have reached in every partition, this one included; empty for other plans'
)
ENGINE = MergeTree
ORDER BY plan
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.plans_done
(
    `plan` UInt64,
    `plan_id` UUID,
    `taken` UInt64 COMMENT 'Browser events staged in the ranges of the plan',
    `was_waiting` UInt64 COMMENT 'Browser events that waited before the plan',
    `facts` UInt64,
    `incomplete` UInt64 COMMENT 'Facts built without all parts because their grace had ended',
    `repeats` UInt64,
    `conflicts` UInt64,
    `waiting` UInt64 COMMENT 'Browser events that wait after the plan',
    `waiting_parts` UInt64 COMMENT 'Locations whose event is not known yet',
    `done_at` DateTime64(3, 'UTC'),
    `closed` UInt64 COMMENT 'Events that came for a retired day and went to the quarantine',
    `corrected` UInt64 COMMENT 'Facts that got a part they had lacked, or that differed from staging',
    `added` UInt64 COMMENT 'Facts that were lost and came back from staging',
    `removed` UInt64 COMMENT 'Facts taken out because an earlier one has their id',
    `retired` UInt64 COMMENT 'Facts of the days that the plan retired',
    `mended` UInt64 COMMENT 'Days made anew because ClickHouse stopped while the build wrote them',
    `erased` UInt64 COMMENT 'Events kept out, or taken from the waiting set, because their person was erased, their object is loaded anew, or all was emptied',
    `erased_facts` UInt64 COMMENT 'Facts taken out because their person was erased, their object is loaded anew, or all was emptied',
    `erased_quarantined` UInt64 COMMENT 'Rows of the quarantine taken out for the same reason'
)
ENGINE = MergeTree
ORDER BY plan
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.product_views
(
    `hour` DateTime('UTC'),
    `week` UInt16 COMMENT 'Whole weeks since 1970-01-01',
    `user_key` UInt128 COMMENT 'Hash of user_custom_id',
    `viewed_at` DateTime64(6, 'UTC'),
    `page_url` LowCardinality(String) COMMENT 'The path',
    `browser_name` LowCardinality(String),
    `device_type` LowCardinality(String),
    PROJECTION day_print
    (
        SELECT
            toDate(hour),
            sum(cityHash64(user_key, viewed_at, page_url, browser_name, device_type))
        GROUP BY toDate(hour)
    )
)
ENGINE = MergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, user_key, viewed_at)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.product_views_mv TO ops.product_views
(
    `hour` DateTime('UTC'),
    `week` UInt16,
    `user_key` UInt128,
    `viewed_at` DateTime64(6, 'UTC'),
    `page_url` String,
    `browser_name` LowCardinality(String),
    `device_type` LowCardinality(String)
)
AS SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC')) AS hour,
    toUInt16(intDiv(toUInt16(toDate(event_timestamp)), 7)) AS week,
    reinterpretAsUInt128(sipHash128(user_custom_id)) AS user_key,
    event_timestamp AS viewed_at,
    page_url_path AS page_url,
    browser_name,
    device_type
FROM analytics.fact_events
WHERE startsWith(page_url_path, '/product_') AND (user_custom_id != '');

CREATE TABLE ops.purchase_weeks
(
    `week` UInt16 COMMENT 'Whole weeks since 1970-01-01, of the views',
    `user_key` UInt128 COMMENT 'Hash of user_custom_id',
    `purchased_at` DateTime64(6, 'UTC'),
    PROJECTION day_print
    (
        SELECT
            toDate(purchased_at),
            sum(cityHash64(week, user_key, purchased_at))
        GROUP BY toDate(purchased_at)
    )
)
ENGINE = MergeTree
PARTITION BY toDate(purchased_at)
ORDER BY (week, user_key, purchased_at)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.purchase_weeks_mv TO ops.purchase_weeks
(
    `week` UInt16,
    `user_key` UInt128,
    `purchased_at` DateTime64(6, 'UTC')
)
AS SELECT
    toUInt16(intDiv(toUInt16(toDate(event_timestamp)), 7) - arrayJoin([0, 1])) AS week,
    reinterpretAsUInt128(sipHash128(user_custom_id)) AS user_key,
    event_timestamp AS purchased_at
FROM analytics.fact_events
WHERE (page_url_path = '/confirmation') AND (user_custom_id != '');

CREATE TABLE ops.purchases
(
    `hour` DateTime('UTC'),
    `utm_source` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `geo_country` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `user_key` UInt128 COMMENT 'Hash of user_custom_id; 0 where the user is unknown'
)
ENGINE = MergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, utm_source, utm_campaign, geo_country, geo_region_name)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.purchases_mv TO ops.purchases
(
    `hour` DateTime('UTC'),
    `utm_source` LowCardinality(String),
    `utm_campaign` LowCardinality(String),
    `geo_country` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `user_key` UInt128
)
AS SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC')) AS hour,
    utm_source,
    utm_campaign,
    geo_country,
    geo_region_name,
    if(user_custom_id = '', toUInt128(0), reinterpretAsUInt128(sipHash128(user_custom_id))) AS user_key
FROM analytics.fact_events
WHERE page_url_path = '/confirmation';

CREATE VIEW ops.quality_latest
(
    `kind` LowCardinality(String),
    `check_name` LowCardinality(String),
    `table_name` String,
    `severity` String,
    `passed` Bool,
    `offending` UInt64,
    `help` String,
    `last_checked_at` DateTime64(3, 'UTC')
)
AS SELECT
    kind,
    check_name,
    argMax(owner, r.checked_at) AS table_name,
    argMax(severity, r.checked_at) AS severity,
    argMax(passed, r.checked_at) AS passed,
    argMax(offending, r.checked_at) AS offending,
    argMax(help, r.checked_at) AS help,
    max(r.checked_at) AS last_checked_at
FROM ops.quality_results AS r
GROUP BY
    kind,
    check_name;

CREATE TABLE ops.quality_results
(
    `run_id` String,
    `checked_at` DateTime64(3, 'UTC'),
    `kind` LowCardinality(String),
    `check_name` LowCardinality(String),
    `owner` LowCardinality(String) COMMENT 'Table that the check guards',
    `severity` LowCardinality(String),
    `passed` Bool,
    `offending` UInt64 COMMENT 'Rows that the check returned',
    `sample` String COMMENT 'The first offending rows as JSON',
    `help` String
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(checked_at)
ORDER BY (kind, check_name, checked_at)
TTL toDateTime(checked_at) + toIntervalDay(365)
SETTINGS non_replicated_deduplication_window = 100000, index_granularity = 8192;

CREATE TABLE ops.quarantine
(
    `plan` UInt64,
    `reason` LowCardinality(String),
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `event_id` UUID,
    `event_timestamp` DateTime64(6, 'UTC'),
    `event_type` LowCardinality(String),
    `click_id` UUID,
    `browser_name` LowCardinality(String),
    `browser_language` LowCardinality(String),
    `browser_user_agent` String,
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `quarantined_at` DateTime64(3, 'UTC'),
    `build` UInt64 COMMENT 'The plan that had built it as a fact before it was taken out; 0 where it never was one'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(quarantined_at)
ORDER BY (reason, event_id)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.rejects
(
    `stream` LowCardinality(String),
    `raw` String COMMENT 'The first bytes of what was refused',
    `reason` LowCardinality(String),
    `field` LowCardinality(String),
    `detail` String,
    `origin` String,
    `origin_line` UInt64,
    `rejected_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(rejected_at)
ORDER BY (stream, origin, origin_line)
TTL toDateTime(rejected_at) + toIntervalDay(90)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.reload_requests
(
    `request_id` UUID COMMENT 'One for all objects that were asked for at once; also the variant in ops.loaded_objects',
    `object` String COMMENT 'Where it is: s3://bucket/key',
    `etag` String COMMENT 'Identity of the content that is to be loaded',
    `topic` LowCardinality(String),
    `until` Array(Tuple(
        epoch UUID,
        partition UInt32,
        offset UInt64)),
    `requested_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (object, requested_at)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.replays
(
    `plan` UInt64,
    `plan_id` UUID,
    `generation` UInt32 COMMENT 'Grows only when the rows of an earlier generation were lost in a crash',
    `stream` LowCardinality(String),
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `reason` LowCardinality(String) COMMENT 'Why it was a dead letter',
    `field` LowCardinality(String),
    `outcome` LowCardinality(String) COMMENT 'send, or why it was not sent: hopeless, too_large',
    `detail` String COMMENT 'What the contract says of it now, where it was not sent',
    `policy` LowCardinality(String),
    `member` String COMMENT 'Host and process that made the plan',
    `planned_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (plan, generation, topic, epoch, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.replays_done
(
    `plan` UInt64,
    `plan_id` UUID,
    `sent` UInt64,
    `not_sent` UInt64 COMMENT 'Taken, and not sent for the outcome in ops.replays',
    `gone` UInt64 COMMENT 'Taken, and no longer among the dead letters when they were to be sent',
    `done_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY plan
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.session_counts
(
    `day` Date,
    `print` UInt64 COMMENT 'Hash of the half hours that were counted, as in ops.session_prints',
    `count_id` UInt64 COMMENT 'Of the rows in ops.counted_sessions',
    `counted_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When'
)
ENGINE = MergeTree
ORDER BY (day, print, count_id)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE VIEW ops.session_prints
(
    `day` Date,
    `print` UInt64
)
AS SELECT
    h.day + step AS day,
    cityHash64(sumIf(h.whole, step = 0), sumIf(h.evening, step = 1), sumIf(h.morning, step = -1)) AS print
FROM
(
    SELECT
        day,
        sum(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type)) AS whole,
        sumIf(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type), slot < (toDateTime(day, 'UTC') + toIntervalHour(12))) AS morning,
        sumIf(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type), slot = (toDateTime(day, 'UTC') + toIntervalMinute(1410))) AS evening
    FROM ops.visit_slots
    GROUP BY day
) AS h
ARRAY JOIN [-1, 0, 1] AS step
GROUP BY day
HAVING countIf(step = 0) > 0;

CREATE TABLE ops.source_user_hours
(
    `hour` DateTime('UTC'),
    `utm_source` LowCardinality(String),
    `users` AggregateFunction(uniqExact, String)
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, utm_source)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.source_user_hours_mv TO ops.source_user_hours
(
    `hour` DateTime('UTC'),
    `utm_source` LowCardinality(String),
    `users` AggregateFunction(uniqExact, String)
)
AS SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC')) AS hour,
    utm_source,
    uniqExactState(user_custom_id) AS users
FROM analytics.fact_events
WHERE user_custom_id != ''
GROUP BY
    hour,
    utm_source;

CREATE TABLE ops.stored
(
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `from_offset` UInt64,
    `to_offset` UInt64,
    `claim_id` UUID,
    `messages` UInt64,
    `staged` UInt64,
    `dead_letters` UInt64,
    `heartbeats` UInt64,
    `lost` UInt64 COMMENT 'Messages that retention removed before they could be stored',
    `repairs` UInt32 COMMENT 'Generations of inserts that were needed after the first',
    `stored_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, epoch, partition, from_offset)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE VIEW ops.stream_arrivals
(
    `stream` String,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC')
)
AS SELECT
    'browser' AS stream,
    kafka_time,
    ingested_at
FROM analytics.events_browser_raw
UNION ALL
SELECT
    'device' AS stream,
    kafka_time,
    ingested_at
FROM analytics.events_device_raw
UNION ALL
SELECT
    'geo' AS stream,
    kafka_time,
    ingested_at
FROM analytics.events_geo_raw
UNION ALL
SELECT
    'location' AS stream,
    kafka_time,
    ingested_at
FROM analytics.events_location_raw
UNION ALL
SELECT
    'interaction' AS stream,
    kafka_time,
    ingested_at
FROM analytics.events_interaction_raw;

CREATE VIEW ops.table_sizes
(
    `database` String,
    `table_name` String,
    `parts` UInt64,
    `partitions` UInt64,
    `table_rows` UInt64,
    `size_bytes` UInt64
)
DEFINER = default SQL SECURITY DEFINER
AS SELECT
    database,
    `table` AS table_name,
    count() AS parts,
    uniqExact(partition) AS partitions,
    sum(p.rows) AS table_rows,
    sum(p.bytes_on_disk) AS size_bytes
FROM system.parts AS p
WHERE p.active AND (p.database IN ('analytics', 'ops'))
GROUP BY
    database,
    `table`;

CREATE TABLE ops.tombstones
(
    `kind` LowCardinality(String) COMMENT 'user, name or click',
    `hash` FixedString(16) COMMENT 'SipHash-128 under a key that is not kept here',
    `key_id` UInt64 COMMENT 'Tells whether the key is still the same',
    `erased_at` DateTime64(3, 'UTC'),
    `plan` UInt64
)
ENGINE = MergeTree
ORDER BY (kind, hash)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.turns
(
    `plan` UInt64,
    `turn` UInt64,
    `attempt` String COMMENT 'Names the shadows of the worker that took the turn',
    `taken_at` DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (plan, turn)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.user_days
(
    `date` Date,
    `user_domain_id` UUID,
    `first_seen` SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    `last_seen` SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    `total_events` SimpleAggregateFunction(sum, UInt64),
    `last_event` AggregateFunction(argMax, Tuple(
        String,
        String,
        String), Tuple(
        DateTime64(6, 'UTC'),
        UUID))
)
ENGINE = AggregatingMergeTree
PARTITION BY date
ORDER BY (date, user_domain_id)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.user_days_mv TO ops.user_days
(
    `date` Date,
    `user_domain_id` UUID,
    `first_seen` DateTime64(6, 'UTC'),
    `last_seen` DateTime64(6, 'UTC'),
    `total_events` UInt64,
    `last_event` AggregateFunction(argMax, Tuple(
        String,
        String,
        String), Tuple(
        DateTime64(6, 'UTC'),
        UUID))
)
AS SELECT
    toDate(event_timestamp) AS date,
    assumeNotNull(fact_events.user_domain_id) AS user_domain_id,
    min(event_timestamp) AS first_seen,
    max(event_timestamp) AS last_seen,
    toUInt64(count()) AS total_events,
    argMaxState((user_custom_id, toString(device_type), toString(os_name)), (event_timestamp, event_id)) AS last_event
FROM analytics.fact_events
WHERE isNotNull(fact_events.user_domain_id)
GROUP BY
    date,
    user_domain_id;

CREATE TABLE ops.visit_nights
(
    `midnight` Date COMMENT 'The day that begins',
    `click_id` UUID,
    `day` Date COMMENT 'Day of the events: the one that ends or the one that begins',
    `last_at` SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC'))) COMMENT 'Last event of the day that ends',
    `first_at` SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))) COMMENT 'First event of the day that begins'
)
ENGINE = AggregatingMergeTree
PARTITION BY day
ORDER BY (midnight, click_id, day)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.visit_nights_mv TO ops.visit_nights
(
    `midnight` Date,
    `click_id` UUID,
    `day` Date,
    `last_at` Nullable(DateTime64(6, 'UTC')),
    `first_at` Nullable(DateTime64(6, 'UTC'))
)
AS SELECT
    toDate(event_timestamp + toIntervalMinute(30)) AS midnight,
    click_id,
    toDate(event_timestamp) AS day,
    if(day < midnight, toNullable(max(event_timestamp)), NULL) AS last_at,
    if(day < midnight, NULL, toNullable(min(event_timestamp))) AS first_at
FROM analytics.fact_events
WHERE toDate(event_timestamp - toIntervalMinute(30)) != toDate(event_timestamp + toIntervalMinute(30))
GROUP BY
    midnight,
    click_id,
    day;

CREATE TABLE ops.visit_slots
(
    `day` Date,
    `click_id` UUID,
    `slot` DateTime('UTC') COMMENT 'Start of the half hour',
    `first_at` DateTime64(6, 'UTC'),
    `last_at` DateTime64(6, 'UTC'),
    `events` UInt32,
    `purchases` UInt32,
    `pages` Array(UInt64) COMMENT 'Hashes of the distinct paths',
    `entry_page` LowCardinality(String) COMMENT 'Path of the first event with one',
    `entry_place` UInt256,
    `exit_page` LowCardinality(String) COMMENT 'Path of the last event with one',
    `exit_place` UInt256,
    `utm_source` LowCardinality(String) COMMENT 'Of the first event with a source or a campaign',
    `utm_campaign` LowCardinality(String) COMMENT 'Of the same event',
    `utm_place` UInt256,
    `user_domain_id` Nullable(UUID) COMMENT 'A click_id has one user, device and place; some events may lack them',
    `geo_country` LowCardinality(String),
    `device_type` LowCardinality(String),
    PROJECTION day_print
    (
        SELECT
            day,
            sum(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type)),
            sumIf(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type), slot < (toDateTime(day, 'UTC') + toIntervalHour(12))),
            sumIf(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type), slot = (toDateTime(day, 'UTC') + toIntervalMinute(1410)))
        GROUP BY day
    )
)
ENGINE = MergeTree
PARTITION BY toDate(first_at)
ORDER BY (day, click_id, slot)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE MATERIALIZED VIEW ops.visit_slots_mv TO ops.visit_slots
(
    `day` Date,
    `click_id` UUID,
    `slot` DateTime('UTC'),
    `first_at` DateTime64(6, 'UTC'),
    `last_at` DateTime64(6, 'UTC'),
    `events` UInt64,
    `purchases` UInt64,
    `pages` Array(UInt64),
    `entry_page` String,
    `entry_place` UInt256,
    `exit_page` String,
    `exit_place` UInt256,
    `utm_source` String,
    `utm_campaign` String,
    `utm_place` UInt256,
    `user_domain_id` Nullable(UUID),
    `geo_country` String,
    `device_type` String
)
AS WITH
    bitOr(bitShiftLeft(toUInt256(toUnixTimestamp64Micro(event_timestamp)), 128), toUInt256(toUInt128(event_id))) AS place,
    page_url_path != '' AS has_page,
    ((fact_events.utm_source != '') OR (fact_events.utm_campaign != '')) AS has_utm
SELECT
    toDate(event_timestamp) AS day,
    click_id,
    toStartOfInterval(toDateTime(event_timestamp, 'UTC'), toIntervalMinute(30)) AS slot,
    min(event_timestamp) AS first_at,
    max(event_timestamp) AS last_at,
    count() AS events,
    countIf(page_url_path = '/confirmation') AS purchases,
    groupUniqArrayIf(cityHash64(page_url_path), has_page) AS pages,
    argMinIf(page_url_path, place, has_page) AS entry_page,
    minIf(place, has_page) AS entry_place,
    argMaxIf(page_url_path, place, has_page) AS exit_page,
    maxIf(place, has_page) AS exit_place,
    argMinIf(fact_events.utm_source, place, has_utm) AS utm_source,
    argMinIf(fact_events.utm_campaign, place, has_utm) AS utm_campaign,
    minIf(place, has_utm) AS utm_place,
    min(fact_events.user_domain_id) AS user_domain_id,
    minIf(fact_events.geo_country, fact_events.geo_country != '') AS geo_country,
    minIf(fact_events.device_type, fact_events.device_type != '') AS device_type
FROM analytics.fact_events
GROUP BY
    day,
    click_id,
    slot;

CREATE TABLE ops.visits
(
    `click_id` UUID,
    `part` Enum8('device' = 1, 'geo' = 2),
    `os` LowCardinality(String),
    `os_name` LowCardinality(String),
    `os_timezone` LowCardinality(String),
    `device_type` LowCardinality(String),
    `device_is_mobile` Nullable(Bool),
    `user_custom_id` String,
    `user_domain_id` Nullable(UUID),
    `geo_latitude` Nullable(Float64),
    `geo_longitude` Nullable(Float64),
    `geo_country` LowCardinality(String),
    `geo_timezone` LowCardinality(String),
    `geo_region_name` LowCardinality(String),
    `ip_address` String,
    `first_seen_at` DateTime64(3, 'UTC') COMMENT 'Kafka time of the row that stands here',
    `plan` UInt64 COMMENT 'The plan that brought it',
    `origin` LowCardinality(String) COMMENT 'File or object that the row came from; empty for streams',
    `click_hash` UInt32 MATERIALIZED toUInt32(cityHash64(click_id)) COMMENT 'What look-ups by click_id read of all rows; computed'
)
ENGINE = MergeTree
ORDER BY (plan, part, click_id)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;

CREATE TABLE ops.waiting
(
    `plan` UInt64 COMMENT 'The plan that wrote this generation',
    `kind` Enum8('event' = 1, 'location' = 2, 'end' = 3) COMMENT 'end: one row that closes the generation',
    `topic` LowCardinality(String),
    `epoch` UUID,
    `partition` UInt32,
    `offset` UInt64,
    `kafka_time` DateTime64(3, 'UTC'),
    `ingested_at` DateTime64(3, 'UTC'),
    `origin` LowCardinality(String),
    `origin_line` UInt64,
    `event_id` UUID,
    `event_timestamp` DateTime64(6, 'UTC'),
    `event_type` LowCardinality(String),
    `click_id` UUID,
    `browser_name` LowCardinality(String),
    `browser_language` LowCardinality(String),
    `browser_user_agent` String,
    `page_url` String,
    `page_url_path` String,
    `referer_url` String,
    `referer_medium` LowCardinality(String),
    `utm_medium` LowCardinality(String),
    `utm_source` LowCardinality(String),
    `utm_content` LowCardinality(String),
    `utm_campaign` LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY (kind, event_id)
SETTINGS non_replicated_deduplication_window = 1000000, index_granularity = 8192;
