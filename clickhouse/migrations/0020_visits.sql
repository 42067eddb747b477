-- What dashboards read over many days: visits by hour, and columns of the facts that are quick to filter and to group by.

-- Paths repeat: a dictionary of them is read faster, and smaller.
ALTER TABLE analytics.fact_events MODIFY COLUMN page_url_path LowCardinality(String);

ALTER TABLE analytics.fact_events ADD COLUMN IF NOT EXISTS came_from LowCardinality(String) MATERIALIZED multiIf(
    referer_url = '', '(direct)',
    domain(referer_url) = domain(page_url), concat('from ', path(referer_url)),
    domainWithoutWWW(referer_url)) COMMENT 'Host of the page before, or its path where it is a page of the same site; computed' AFTER referer_url;

-- The hour as a column of its own is read and compared faster than the time that the order of the table begins with.
ALTER TABLE analytics.fact_events ADD COLUMN IF NOT EXISTS event_hour DateTime('UTC') MATERIALIZED toStartOfHour(toDateTime(event_timestamp, 'UTC')) COMMENT 'Hour of the event (UTC), computed' AFTER event_date;

ALTER TABLE analytics.fact_events ADD INDEX IF NOT EXISTS event_hour_range event_hour TYPE minmax GRANULARITY 1;

ALTER TABLE analytics.fact_events MATERIALIZE COLUMN came_from;

ALTER TABLE analytics.fact_events MATERIALIZE COLUMN event_hour;

ALTER TABLE analytics.fact_events MATERIALIZE INDEX event_hour_range;

-- One row per hour, visit and combination of what dashboards filter by. Ids are hashes of 64 bits: whom to count, not who it is.
CREATE TABLE IF NOT EXISTS analytics.visit_hours
(
    hour            DateTime('UTC'),
    utm_source      LowCardinality(String),
    utm_medium      LowCardinality(String),
    utm_campaign    LowCardinality(String),
    geo_country     LowCardinality(String),
    geo_region_name LowCardinality(String),
    device_type     LowCardinality(String),
    browser_name    LowCardinality(String),
    click_key       UInt64 COMMENT 'Hash of click_id',
    user_key        UInt64 COMMENT 'Hash of user_domain_id; 0 where the user is unknown',
    event_types     SimpleAggregateFunction(groupUniqArrayArray, Array(String)) COMMENT 'Distinct types of its events, in no order',
    event_count     SimpleAggregateFunction(sum, UInt64) COMMENT 'Events',
    purchase_count  SimpleAggregateFunction(sum, UInt64) COMMENT 'Purchases: views of /confirmation',
    furthest_step   SimpleAggregateFunction(max, UInt8) COMMENT 'Step to a purchase: 1 home, 2 product, 3 cart, 4 payment, 5 confirmation; 0 for other pages',
    located         SimpleAggregateFunction(sum, UInt64) COMMENT 'Events with coordinates',
    latitude_e7     SimpleAggregateFunction(sum, Int64) COMMENT 'Sum of their degrees north, times 10,000,000',
    longitude_e7    SimpleAggregateFunction(sum, Int64) COMMENT 'Sum of their degrees east, times 10,000,000'
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, utm_source, utm_medium, utm_campaign, geo_country, geo_region_name, device_type, browser_name, click_key, user_key)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS analytics.visit_hours_mv TO analytics.visit_hours AS
WITH isNotNull(geo_latitude) AND isNotNull(geo_longitude) AS has_place
SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC')) AS hour,
    utm_source, utm_medium, utm_campaign, geo_country, geo_region_name, device_type, browser_name,
    cityHash64(click_id)                              AS click_key,
    ifNull(cityHash64(user_domain_id), 0)             AS user_key,
    groupUniqArray(event_type)                        AS event_types,
    count()                                           AS event_count,
    countIf(page_url_path = '/confirmation')          AS purchase_count,
    max(multiIf(page_url_path = '/confirmation', 5, page_url_path = '/payment', 4, page_url_path = '/cart', 3,
        startsWith(page_url_path, '/product_'), 2, page_url_path IN ('/', '/home'), 1, 0)) AS furthest_step,
    countIf(has_place)                                AS located,
    sumIf(toInt64(round(assumeNotNull(geo_latitude) * 10000000)), has_place)  AS latitude_e7,
    sumIf(toInt64(round(assumeNotNull(geo_longitude) * 10000000)), has_place) AS longitude_e7
FROM analytics.fact_events
GROUP BY hour, utm_source, utm_medium, utm_campaign, geo_country, geo_region_name, device_type, browser_name, click_key, user_key;

-- One row per hour, visit and combination of filters, without numbers of events: whom to count, whatever the event type.
CREATE OR REPLACE VIEW analytics.visitors AS
SELECT
    v.hour AS hour, v.utm_source AS utm_source, v.utm_medium AS utm_medium, v.utm_campaign AS utm_campaign,
    v.geo_country AS geo_country, v.geo_region_name AS geo_region_name, v.device_type AS device_type,
    v.browser_name AS browser_name, v.click_key AS click_key, v.user_key AS user_key, v.event_types AS event_types
FROM analytics.visit_hours AS v;
