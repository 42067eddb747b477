-- Sessions of days that are over are put together once, and read as rows as long as the half hours that they were made of stay the same.

-- What the days hold: all half hours, and those by which sessions of the days beside it go on. Equal sums of hashes are equal rows.
ALTER TABLE ops.visit_slots ADD PROJECTION IF NOT EXISTS day_print
(
    SELECT
        day,
        sum(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type)),
        sumIf(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type), slot < toDateTime(day, 'UTC') + INTERVAL 12 HOUR),
        sumIf(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type), slot = toDateTime(day, 'UTC') + INTERVAL 1410 MINUTE)
    GROUP BY day
);

ALTER TABLE ops.visit_slots MATERIALIZE PROJECTION day_print;

-- One row per day with events: a hash of its half hours, of the last one of the day before and of the morning of the day after.
CREATE VIEW IF NOT EXISTS ops.session_prints AS
SELECT
    h.day + step                          AS day,
    cityHash64(sumIf(h.whole, step = 0), sumIf(h.evening, step = 1), sumIf(h.morning, step = -1)) AS print
FROM
(
    SELECT
        day,
        sum(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type)) AS whole,
        sumIf(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type), slot < toDateTime(day, 'UTC') + INTERVAL 12 HOUR) AS morning,
        sumIf(cityHash64(click_id, slot, first_at, last_at, events, pages, utm_source, utm_campaign, utm_place, geo_country, device_type), slot = toDateTime(day, 'UTC') + INTERVAL 1410 MINUTE) AS evening
    FROM ops.visit_slots
    GROUP BY day
) AS h
ARRAY JOIN [-1, 0, 1] AS step
GROUP BY day
HAVING countIf(step = 0) > 0;

-- One row per session of a day that was over, as often as its day was counted: those of a count that is kept are read.
CREATE TABLE IF NOT EXISTS ops.counted_sessions
(
    started_hour DateTime('UTC') COMMENT 'Hour of its first event',
    count_id     UInt64 COMMENT 'The count, as in ops.session_counts',
    sessions     UInt64 COMMENT 'Sessions of the count: as many rows as it has when it is whole',
    duration_s   UInt32 COMMENT 'From its first event to its last',
    event_count  UInt64 COMMENT 'Events',
    page_count   UInt64 COMMENT 'Distinct paths',
    utm_source   LowCardinality(String),
    utm_campaign LowCardinality(String),
    geo_country  LowCardinality(String),
    device_type  LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toDate(started_hour)
ORDER BY (started_hour, utm_source, utm_campaign, geo_country, device_type)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per whole count of a day's sessions.
CREATE TABLE IF NOT EXISTS ops.session_counts
(
    day        Date,
    print      UInt64 COMMENT 'Hash of the half hours that were counted, as in ops.session_prints',
    count_id   UInt64 COMMENT 'Of the rows in ops.counted_sessions',
    counted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When'
)
ENGINE = MergeTree
ORDER BY (day, print, count_id)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per session, those of analytics.sessions: the hour it starts in, how long it is, and what dashboards filter by.
-- Those of days that are counted are rows; those of other days are put together: a day of a click_id is plain when its
-- events lie within 30 minutes, name one source and campaign, and no session goes over its midnights, and others are made of
-- half hours, as in analytics.sessions. The join with the hours in which something happened lets a filter on started_hour
-- choose the days. Half hours of the day before and after are joined with the nights: a set of them would be made while the
-- query is planned, for nothing else to run meanwhile.
CREATE OR REPLACE VIEW analytics.session_hours AS
WITH
    (
        SELECT (groupArrayIf(p.day, c.count_id = 0), groupArrayIf(c.count_id, c.count_id != 0))
        FROM ops.session_prints AS p
        LEFT JOIN (SELECT day, print, min(count_id) AS count_id FROM ops.session_counts GROUP BY day, print) AS c
            ON c.day = p.day AND c.print = p.print
    ) AS days,
    days.1 AS open_days,
    days.2 AS counts,
    over_midnight AS
    (
        SELECT midnight, click_id
        FROM ops.visit_nights
        WHERE midnight IN arrayConcat(open_days, arrayMap(day -> day + 1, open_days))
        GROUP BY midnight, click_id
        HAVING min(first_at) <= max(last_at) + INTERVAL 30 MINUTE
    )
SELECT started_hour, duration_s, event_count, page_count, utm_source, utm_campaign, geo_country, device_type
FROM ops.counted_sessions
WHERE count_id IN counts
UNION ALL
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
WHERE d.day IN open_days
  AND d.last_at <= d.first_at + INTERVAL 30 MINUTE AND d.utm_lowest >= d.utm_highest
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
                    WHERE d.day IN open_days
                      AND (d.last_at > d.first_at + INTERVAL 30 MINUTE OR d.utm_lowest < d.utm_highest)
                    UNION ALL
                    SELECT arrayJoin([midnight - 1, midnight]) AS day, click_id FROM over_midnight
                ) AS odd ON odd.day = own.day AND odd.click_id = own.click_id
                WHERE own.day IN open_days
                UNION ALL
                SELECT if(own.slot < toDateTime(own.day, 'UTC') + INTERVAL 12 HOUR, own.day - 1, own.day + 1) AS on_day, own.*
                FROM ops.visit_slots AS own
                LEFT SEMI JOIN over_midnight AS night
                    ON night.midnight = if(own.slot < toDateTime(own.day, 'UTC') + INTERVAL 12 HOUR, own.day, own.day + 1)
                    AND night.click_id = own.click_id
                WHERE own.day IN arrayConcat(arrayMap(day -> day - 1, open_days), arrayMap(day -> day + 1, open_days))
                  AND (own.slot < toDateTime(own.day, 'UTC') + INTERVAL 12 HOUR
                       OR own.slot = toDateTime(own.day, 'UTC') + INTERVAL 1410 MINUTE)
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
