-- Sessions for dashboards: nearly all are told by one row per day and click_id, and only the rest is put together of half hours.

-- One row per day and click_id: what its session is where the day holds only one, which most do.
CREATE TABLE IF NOT EXISTS analytics.visit_days
(
    day          Date,
    click_id     UUID,
    first_at     SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_at      SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    event_count  SimpleAggregateFunction(sum, UInt64) COMMENT 'Events',
    pages        SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)) COMMENT 'Hashes of the distinct paths, in no order',
    utm_lowest   SimpleAggregateFunction(min, UInt64) COMMENT 'Least hash of source and campaign of its events; the largest number where none has either',
    utm_highest  SimpleAggregateFunction(max, UInt64) COMMENT 'Greatest such hash: equal to the least where all events name the same; 0 where none has either',
    utm_source   SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Of any event; all have the same where the hashes are equal',
    utm_campaign SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Of any event; all have the same where the hashes are equal',
    geo_country  SimpleAggregateFunction(min, LowCardinality(Nullable(String))) COMMENT 'NULL where no event has it',
    device_type  SimpleAggregateFunction(min, LowCardinality(Nullable(String))) COMMENT 'NULL where no event has it',
    INDEX first_at_range first_at TYPE minmax GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PARTITION BY day
ORDER BY (day, click_id)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS analytics.visit_days_mv TO analytics.visit_days AS
WITH
    fact_events.utm_source != '' OR fact_events.utm_campaign != ''   AS has_utm,
    cityHash64(fact_events.utm_source, fact_events.utm_campaign)     AS utm
SELECT
    toDate(event_timestamp)                                          AS day,
    click_id,
    min(event_timestamp)                                             AS first_at,
    max(event_timestamp)                                             AS last_at,
    count()                                                          AS event_count,
    groupUniqArrayIf(cityHash64(page_url_path), page_url_path != '') AS pages,
    min(if(has_utm, utm, 18446744073709551615))                      AS utm_lowest,
    max(if(has_utm, utm, 0))                                         AS utm_highest,
    max(fact_events.utm_source)                                      AS utm_source,
    max(fact_events.utm_campaign)                                    AS utm_campaign,
    min(nullIf(fact_events.geo_country, ''))                         AS geo_country,
    min(nullIf(fact_events.device_type, ''))                         AS device_type
FROM analytics.fact_events
GROUP BY day, click_id;

-- One row per midnight and click_id with events within half an hour of it: whether a session goes over it.
CREATE TABLE IF NOT EXISTS ops.visit_nights
(
    midnight Date COMMENT 'The day that begins',
    click_id UUID,
    day      Date COMMENT 'Day of the events: the one that ends or the one that begins',
    last_at  SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC'))) COMMENT 'Last event of the day that ends',
    first_at SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))) COMMENT 'First event of the day that begins'
)
ENGINE = AggregatingMergeTree
PARTITION BY day
ORDER BY (midnight, click_id, day)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.visit_nights_mv TO ops.visit_nights AS
SELECT
    toDate(event_timestamp + INTERVAL 30 MINUTE)           AS midnight,
    click_id,
    toDate(event_timestamp)                                AS day,
    if(day < midnight, toNullable(max(event_timestamp)), NULL) AS last_at,
    if(day < midnight, NULL, toNullable(min(event_timestamp))) AS first_at
FROM analytics.fact_events
WHERE toDate(event_timestamp - INTERVAL 30 MINUTE) != toDate(event_timestamp + INTERVAL 30 MINUTE)
GROUP BY midnight, click_id, day;

-- One row per session, those of analytics.sessions: the hour it starts in, how long it is, and what dashboards filter by.
-- A day of a click_id is plain when its events lie within 30 minutes, name one source and campaign, and no session goes
-- over its midnights. Others are put together of their half hours, as in analytics.sessions. The join with the hours in
-- which something happened lets a filter on started_hour choose the days.
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
                SELECT day + 1 AS on_day, *
                FROM ops.visit_slots
                WHERE slot = toDateTime(day, 'UTC') + INTERVAL 1410 MINUTE AND (day, click_id) IN (SELECT midnight - 1, click_id FROM over_midnight)
                UNION ALL
                SELECT day - 1 AS on_day, *
                FROM ops.visit_slots
                WHERE slot < toDateTime(day, 'UTC') + INTERVAL 12 HOUR AND (day, click_id) IN (SELECT midnight, click_id FROM over_midnight)
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
