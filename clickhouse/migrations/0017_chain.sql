-- Derived from the contract (headwater.contracts): the chain of views that parses, judges and routes each message once.
-- `python -m headwater.core.ingestion_ddl` prints it. What comes while the views are away is counted as missing and
-- stored again.

ALTER TABLE analytics.events_browser_raw MODIFY SETTING merge_selector_base = 20;

DROP VIEW IF EXISTS ops.browser_parse;

DROP VIEW IF EXISTS ops.browser_check;

DROP VIEW IF EXISTS ops.browser_judge;

DROP VIEW IF EXISTS ops.browser_to_staging;

DROP VIEW IF EXISTS ops.browser_to_dead_letters;

DROP VIEW IF EXISTS ops.browser_to_freshness;

DROP VIEW IF EXISTS ops.browser_usual_to_staging;

DROP VIEW IF EXISTS ops.browser_judged_to_staging;

DROP TABLE IF EXISTS ops.browser_parsed;

DROP TABLE IF EXISTS ops.browser_checked;

DROP TABLE IF EXISTS ops.browser_judged;

-- Messages of browser_events as they come; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.browser_landing
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = Null;

-- The same messages with their fields, and whether they are plainly valid; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.browser_parsed
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    x Tuple(event_id Nullable(UUID), event_timestamp Nullable(String), event_type LowCardinality(Nullable(String)), click_id Nullable(UUID), browser_name LowCardinality(Nullable(String)), browser_language LowCardinality(Nullable(String)), browser_user_agent Nullable(String)),
    event_timestamp_at Nullable(DateTime64(6, 'UTC')),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their values and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.browser_judged
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    event_id UUID,
    event_timestamp DateTime64(6, 'UTC'),
    event_type LowCardinality(String),
    click_id UUID,
    browser_name LowCardinality(String),
    browser_language LowCardinality(String),
    browser_user_agent String,
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_parse TO ops.browser_parsed AS
SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, event_timestamp_at, 
    ifNull(
        length(raw) <= 1000000
        AND colons = (colons - strings) + isNotNull(x.event_id) + isNotNull(x.event_timestamp) + isNotNull(x.event_type) + isNotNull(x.click_id) + isNotNull(x.browser_name) + isNotNull(x.browser_language) + isNotNull(x.browser_user_agent)
        AND NOT multiSearchAny(raw, ['" ', '"\t', '"\n', '"\r'])
        AND ((colons - strings) = 0 OR ((colons - strings) = countSubstrings(raw, '":null') + countSubstrings(raw, '": null') AND arrayAll(n -> n IN ('event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'), JSONExtractKeys(raw))))
        AND isNotNull(x.event_id)
        AND length(x.event_timestamp) BETWEEN 19 AND 26
        AND length(x.event_timestamp) != 20
        AND startsWith(toString(event_timestamp_at), x.event_timestamp)
        AND event_timestamp_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC')
        AND event_timestamp_at < toDateTime64('2299-01-01 00:00:00', 6, 'UTC')
        AND event_timestamp_at <= kafka_time + INTERVAL 1 DAY
        AND x.event_type != ''
        AND isNotNull(x.click_id),
        0) AS usual
FROM
(
    SELECT
        raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
        JSONExtract(raw, 'Tuple(event_id Nullable(UUID), event_timestamp Nullable(String), event_type LowCardinality(Nullable(String)), click_id Nullable(UUID), browser_name LowCardinality(Nullable(String)), browser_language LowCardinality(Nullable(String)), browser_user_agent Nullable(String))') AS x,
        toDateTime64OrNull(x.event_timestamp, 6, 'UTC') AS event_timestamp_at,
        countSubstrings(raw, '":') AS colons,
        countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
    FROM ops.browser_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_usual_to_staging TO analytics.events_browser_raw AS
SELECT
    assumeNotNull(x.event_id) AS event_id,
    assumeNotNull(event_timestamp_at) AS event_timestamp,
    assumeNotNull(x.event_type) AS event_type,
    assumeNotNull(x.click_id) AS click_id,
    assumeNotNull(x.browser_name) AS browser_name,
    assumeNotNull(x.browser_language) AS browser_language,
    assumeNotNull(x.browser_user_agent) AS browser_user_agent,
    toUInt32(0) AS unknown_fields,
    'browser_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.browser_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_judge TO ops.browser_judged AS
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    ifNull(x.event_id, toUUID('00000000-0000-0000-0000-000000000000')) AS event_id,
    ifNull(event_timestamp_moment, toDateTime64(0, 6, 'UTC')) AS event_timestamp,
    ifNull(x.event_type, '') AS event_type,
    ifNull(x.click_id, toUUID('00000000-0000-0000-0000-000000000000')) AS click_id,
    ifNull(x.browser_name, '') AS browser_name,
    ifNull(x.browser_language, '') AS browser_language,
    ifNull(x.browser_user_agent, '') AS browser_user_agent,
    length(arrayDistinct(arrayFilter(n -> n NOT IN ('event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'), names))) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    if(judged > 11, '', ['event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'][which]) AS field,
    multiIf(
        judged = 2, concat('expected ', ['a UUID', 'a time', 'a string', 'a UUID', 'a string', 'a string', 'a string'][which], ', got ', transform(begins[which], ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['', '', '', '', '', '', ''][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            faults[which]
        ) AS judged
    FROM
    (
        SELECT *, arrayFirstIndex(f -> f != 0, faults) AS which
        FROM
        (
            SELECT *, arrayMap((b, needed, allowed, special) ->
                    multiIf(b = '', needed * 1, position(allowed, b) = 0, 2, special),
                begins, [1, 1, 1, 1, 0, 0, 0], ['"', '"', '"', '"', '"', '"', '"'], [
                    if(match(given[1], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), 0, 3),
                    multiIf(
                        ifNull(NOT match(x.event_timestamp, '^(?:[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)$'), 1), 4,
                        ifNull(NOT (substring(x.event_timestamp, 1, 4) >= '1970' AND substring(x.event_timestamp, 1, 4) < '2299'), 1), 5,
                        ifNull(NOT startsWith(toString(toDateTime64OrNull(concat(substring(x.event_timestamp, 1, 10), ' ', substring(x.event_timestamp, 12, 8)), 6, 'UTC')), concat(substring(x.event_timestamp, 1, 10), ' ', substring(x.event_timestamp, 12, 8))), 1), 6,
                        ifNull(event_timestamp_moment < toDateTime64('2000-01-01 00:00:00', 6, 'UTC'), 1), 7,
                        ifNull(event_timestamp_moment > kafka_time + INTERVAL 1 DAY, 1), 8, 0),
                    0,
                    if(match(given[4], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), 0, 3),
                    0,
                    0,
                    0
                ]) AS faults
            FROM
            (
                SELECT *, arrayMap(g -> if(g IN ('', 'null', '""'), '', substring(g, 1, 1)), given) AS begins, toDateTime64OrNull(concat(substring(x.event_timestamp, 1, 10), ' ', substring(x.event_timestamp, 12, 8), extract(x.event_timestamp, '[.][0-9]+')), 6, 'UTC') - toIntervalMinute(if(length(x.event_timestamp) > 22, (toInt32OrZero(substring(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), 2, 2)) * 60 + toInt32OrZero(right(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), 2))) * if(startsWith(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), '-'), -1, 1), 0)) AS event_timestamp_moment
                FROM
                (
                    SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, JSONExtractKeys(raw) AS names, [JSONExtractRaw(raw, 'event_id'), JSONExtractRaw(raw, 'event_timestamp'), JSONExtractRaw(raw, 'event_type'), JSONExtractRaw(raw, 'click_id'), JSONExtractRaw(raw, 'browser_name'), JSONExtractRaw(raw, 'browser_language'), JSONExtractRaw(raw, 'browser_user_agent')] AS given
                    FROM ops.browser_parsed
                    WHERE NOT usual
                )
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_judged_to_staging TO analytics.events_browser_raw AS
SELECT event_id, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent, unknown_fields, 'browser_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.browser_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_to_dead_letters TO ops.dead_letters AS
SELECT raw, 'browser' AS stream, 'browser_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    verdict AS reason, field, detail
FROM ops.browser_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_to_freshness TO ops.freshness AS
SELECT
    'browser' AS stream, 'browser_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    JSONExtractString(raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.browser_judged
WHERE verdict = 'heartbeat';

ALTER TABLE analytics.events_device_raw MODIFY SETTING merge_selector_base = 20;

DROP VIEW IF EXISTS ops.device_parse;

DROP VIEW IF EXISTS ops.device_check;

DROP VIEW IF EXISTS ops.device_judge;

DROP VIEW IF EXISTS ops.device_to_staging;

DROP VIEW IF EXISTS ops.device_to_dead_letters;

DROP VIEW IF EXISTS ops.device_to_freshness;

DROP VIEW IF EXISTS ops.device_usual_to_staging;

DROP VIEW IF EXISTS ops.device_judged_to_staging;

DROP TABLE IF EXISTS ops.device_parsed;

DROP TABLE IF EXISTS ops.device_checked;

DROP TABLE IF EXISTS ops.device_judged;

-- Messages of device_events as they come; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.device_landing
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = Null;

-- The same messages with their fields, and whether they are plainly valid; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.device_parsed
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    x Tuple(click_id Nullable(UUID), os LowCardinality(Nullable(String)), os_name LowCardinality(Nullable(String)), os_timezone LowCardinality(Nullable(String)), device_type LowCardinality(Nullable(String)), device_is_mobile Nullable(Bool), user_custom_id Nullable(String), user_domain_id Nullable(UUID)),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their values and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.device_judged
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    click_id UUID,
    os LowCardinality(String),
    os_name LowCardinality(String),
    os_timezone LowCardinality(String),
    device_type LowCardinality(String),
    device_is_mobile Nullable(Bool),
    user_custom_id String,
    user_domain_id UUID,
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_parse TO ops.device_parsed AS
SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, 
    ifNull(
        length(raw) <= 1000000
        AND colons = (colons - strings - isNotNull(x.device_is_mobile)) + isNotNull(x.click_id) + isNotNull(x.os) + isNotNull(x.os_name) + isNotNull(x.os_timezone) + isNotNull(x.device_type) + isNotNull(x.device_is_mobile) + isNotNull(x.user_custom_id) + isNotNull(x.user_domain_id)
        AND multiSearchAny(raw, ['"device_is_mobile":true', '"device_is_mobile":false', '"device_is_mobile": true', '"device_is_mobile": false']) = isNotNull(x.device_is_mobile)
        AND NOT multiSearchAny(raw, ['" ', '"\t', '"\n', '"\r'])
        AND ((colons - strings - isNotNull(x.device_is_mobile)) = 0 OR ((colons - strings - isNotNull(x.device_is_mobile)) = countSubstrings(raw, '":null') + countSubstrings(raw, '": null') AND arrayAll(n -> n IN ('click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'), JSONExtractKeys(raw))))
        AND isNotNull(x.click_id)
        AND isNotNull(x.user_domain_id),
        0) AS usual
FROM
(
    SELECT
        raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
        JSONExtract(raw, 'Tuple(click_id Nullable(UUID), os LowCardinality(Nullable(String)), os_name LowCardinality(Nullable(String)), os_timezone LowCardinality(Nullable(String)), device_type LowCardinality(Nullable(String)), device_is_mobile Nullable(Bool), user_custom_id Nullable(String), user_domain_id Nullable(UUID))') AS x,
        countSubstrings(raw, '":') AS colons,
        countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
    FROM ops.device_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_usual_to_staging TO analytics.events_device_raw AS
SELECT
    assumeNotNull(x.click_id) AS click_id,
    assumeNotNull(x.os) AS os,
    assumeNotNull(x.os_name) AS os_name,
    assumeNotNull(x.os_timezone) AS os_timezone,
    assumeNotNull(x.device_type) AS device_type,
    x.device_is_mobile AS device_is_mobile,
    assumeNotNull(x.user_custom_id) AS user_custom_id,
    assumeNotNull(x.user_domain_id) AS user_domain_id,
    toUInt32(0) AS unknown_fields,
    'device_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.device_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_judge TO ops.device_judged AS
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    ifNull(x.click_id, toUUID('00000000-0000-0000-0000-000000000000')) AS click_id,
    ifNull(x.os, '') AS os,
    ifNull(x.os_name, '') AS os_name,
    ifNull(x.os_timezone, '') AS os_timezone,
    ifNull(x.device_type, '') AS device_type,
    multiIf(given[6] = 'true', true, given[6] = 'false', false, NULL) AS device_is_mobile,
    ifNull(x.user_custom_id, '') AS user_custom_id,
    ifNull(x.user_domain_id, toUUID('00000000-0000-0000-0000-000000000000')) AS user_domain_id,
    length(arrayDistinct(arrayFilter(n -> n NOT IN ('click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'), names))) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    if(judged > 11, '', ['click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'][which]) AS field,
    multiIf(
        judged = 2, concat('expected ', ['a UUID', 'a string', 'a string', 'a string', 'a string', 'true or false', 'a string', 'a UUID'][which], ', got ', transform(begins[which], ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['', '', '', '', '', '', '', ''][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            faults[which]
        ) AS judged
    FROM
    (
        SELECT *, arrayFirstIndex(f -> f != 0, faults) AS which
        FROM
        (
            SELECT *, arrayMap((b, needed, allowed, special) ->
                    multiIf(b = '', needed * 1, position(allowed, b) = 0, 2, special),
                begins, [1, 0, 0, 0, 0, 0, 0, 1], ['"', '"', '"', '"', '"', 'tf', '"', '"'], [
                    if(match(given[1], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), 0, 3),
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    if(match(given[8], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), 0, 3)
                ]) AS faults
            FROM
            (
                SELECT *, arrayMap(g -> if(g IN ('', 'null', '""'), '', substring(g, 1, 1)), given) AS begins
                FROM
                (
                    SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, JSONExtractKeys(raw) AS names, [JSONExtractRaw(raw, 'click_id'), JSONExtractRaw(raw, 'os'), JSONExtractRaw(raw, 'os_name'), JSONExtractRaw(raw, 'os_timezone'), JSONExtractRaw(raw, 'device_type'), JSONExtractRaw(raw, 'device_is_mobile'), JSONExtractRaw(raw, 'user_custom_id'), JSONExtractRaw(raw, 'user_domain_id')] AS given
                    FROM ops.device_parsed
                    WHERE NOT usual
                )
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_judged_to_staging TO analytics.events_device_raw AS
SELECT click_id, os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id, unknown_fields, 'device_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.device_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_to_dead_letters TO ops.dead_letters AS
SELECT raw, 'device' AS stream, 'device_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    verdict AS reason, field, detail
FROM ops.device_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_to_freshness TO ops.freshness AS
SELECT
    'device' AS stream, 'device_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    JSONExtractString(raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.device_judged
WHERE verdict = 'heartbeat';

ALTER TABLE analytics.events_geo_raw MODIFY SETTING merge_selector_base = 20;

DROP VIEW IF EXISTS ops.geo_parse;

DROP VIEW IF EXISTS ops.geo_check;

DROP VIEW IF EXISTS ops.geo_judge;

DROP VIEW IF EXISTS ops.geo_to_staging;

DROP VIEW IF EXISTS ops.geo_to_dead_letters;

DROP VIEW IF EXISTS ops.geo_to_freshness;

DROP VIEW IF EXISTS ops.geo_usual_to_staging;

DROP VIEW IF EXISTS ops.geo_judged_to_staging;

DROP TABLE IF EXISTS ops.geo_parsed;

DROP TABLE IF EXISTS ops.geo_checked;

DROP TABLE IF EXISTS ops.geo_judged;

-- Messages of geo_events as they come; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.geo_landing
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = Null;

-- The same messages with their fields, and whether they are plainly valid; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.geo_parsed
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    x Tuple(click_id Nullable(UUID), geo_latitude Nullable(String), geo_longitude Nullable(String), geo_country LowCardinality(Nullable(String)), geo_timezone LowCardinality(Nullable(String)), geo_region_name LowCardinality(Nullable(String)), ip_address Nullable(String)),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their values and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.geo_judged
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    click_id UUID,
    geo_latitude Nullable(Float64),
    geo_longitude Nullable(Float64),
    geo_country LowCardinality(String),
    geo_timezone LowCardinality(String),
    geo_region_name LowCardinality(String),
    ip_address String,
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_parse TO ops.geo_parsed AS
SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, 
    ifNull(
        length(raw) <= 1000000
        AND colons = (colons - strings) + isNotNull(x.click_id) + isNotNull(x.geo_latitude) + isNotNull(x.geo_longitude) + isNotNull(x.geo_country) + isNotNull(x.geo_timezone) + isNotNull(x.geo_region_name) + isNotNull(x.ip_address)
        AND NOT multiSearchAny(raw, ['" ', '"\t', '"\n', '"\r'])
        AND ((colons - strings) = 0 OR ((colons - strings) = countSubstrings(raw, '":null') + countSubstrings(raw, '": null') AND arrayAll(n -> n IN ('click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'), JSONExtractKeys(raw))))
        AND isNotNull(x.click_id)
        AND (isNull(x.geo_latitude) OR (match(x.geo_latitude, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND toFloat64OrZero(x.geo_latitude) BETWEEN -90 AND 90))
        AND (isNull(x.geo_longitude) OR (match(x.geo_longitude, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND toFloat64OrZero(x.geo_longitude) BETWEEN -180 AND 180)),
        0) AS usual
FROM
(
    SELECT
        raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
        JSONExtract(raw, 'Tuple(click_id Nullable(UUID), geo_latitude Nullable(String), geo_longitude Nullable(String), geo_country LowCardinality(Nullable(String)), geo_timezone LowCardinality(Nullable(String)), geo_region_name LowCardinality(Nullable(String)), ip_address Nullable(String))') AS x,
        countSubstrings(raw, '":') AS colons,
        countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
    FROM ops.geo_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_usual_to_staging TO analytics.events_geo_raw AS
SELECT
    assumeNotNull(x.click_id) AS click_id,
    toFloat64OrNull(x.geo_latitude) AS geo_latitude,
    toFloat64OrNull(x.geo_longitude) AS geo_longitude,
    assumeNotNull(x.geo_country) AS geo_country,
    assumeNotNull(x.geo_timezone) AS geo_timezone,
    assumeNotNull(x.geo_region_name) AS geo_region_name,
    assumeNotNull(x.ip_address) AS ip_address,
    toUInt32(0) AS unknown_fields,
    'geo_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.geo_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_judge TO ops.geo_judged AS
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    ifNull(x.click_id, toUUID('00000000-0000-0000-0000-000000000000')) AS click_id,
    toFloat64OrNull(x.geo_latitude) AS geo_latitude,
    toFloat64OrNull(x.geo_longitude) AS geo_longitude,
    ifNull(x.geo_country, '') AS geo_country,
    ifNull(x.geo_timezone, '') AS geo_timezone,
    ifNull(x.geo_region_name, '') AS geo_region_name,
    ifNull(x.ip_address, '') AS ip_address,
    length(arrayDistinct(arrayFilter(n -> n NOT IN ('click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'), names))) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    if(judged > 11, '', ['click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'][which]) AS field,
    multiIf(
        judged = 2, concat('expected ', ['a UUID', 'a number', 'a number', 'a string', 'a string', 'a string', 'a string'][which], ', got ', transform(begins[which], ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['', 'not between -90 and 90', 'not between -180 and 180', '', '', '', ''][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            faults[which]
        ) AS judged
    FROM
    (
        SELECT *, arrayFirstIndex(f -> f != 0, faults) AS which
        FROM
        (
            SELECT *, arrayMap((b, needed, allowed, special) ->
                    multiIf(b = '', needed * 1, position(allowed, b) = 0, 2, special),
                begins, [1, 0, 0, 0, 0, 0, 0], ['"', '"-0123456789', '"-0123456789', '"', '"', '"', '"'], [
                    if(match(given[1], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), 0, 3),
                    multiIf(begins[2] = '"' AND NOT ifNull(match(x.geo_latitude, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND isFinite(toFloat64OrZero(x.geo_latitude)), 0), 9, NOT ifNull(toFloat64OrNull(x.geo_latitude) BETWEEN -90 AND 90, 0), 11, 0),
                    multiIf(begins[3] = '"' AND NOT ifNull(match(x.geo_longitude, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND isFinite(toFloat64OrZero(x.geo_longitude)), 0), 9, NOT ifNull(toFloat64OrNull(x.geo_longitude) BETWEEN -180 AND 180, 0), 11, 0),
                    0,
                    0,
                    0,
                    0
                ]) AS faults
            FROM
            (
                SELECT *, arrayMap(g -> if(g IN ('', 'null', '""'), '', substring(g, 1, 1)), given) AS begins
                FROM
                (
                    SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, JSONExtractKeys(raw) AS names, [JSONExtractRaw(raw, 'click_id'), JSONExtractRaw(raw, 'geo_latitude'), JSONExtractRaw(raw, 'geo_longitude'), JSONExtractRaw(raw, 'geo_country'), JSONExtractRaw(raw, 'geo_timezone'), JSONExtractRaw(raw, 'geo_region_name'), JSONExtractRaw(raw, 'ip_address')] AS given
                    FROM ops.geo_parsed
                    WHERE NOT usual
                )
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_judged_to_staging TO analytics.events_geo_raw AS
SELECT click_id, geo_latitude, geo_longitude, geo_country, geo_timezone, geo_region_name, ip_address, unknown_fields, 'geo_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.geo_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_to_dead_letters TO ops.dead_letters AS
SELECT raw, 'geo' AS stream, 'geo_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    verdict AS reason, field, detail
FROM ops.geo_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_to_freshness TO ops.freshness AS
SELECT
    'geo' AS stream, 'geo_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    JSONExtractString(raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.geo_judged
WHERE verdict = 'heartbeat';

ALTER TABLE analytics.events_location_raw MODIFY SETTING merge_selector_base = 20;

DROP VIEW IF EXISTS ops.location_parse;

DROP VIEW IF EXISTS ops.location_check;

DROP VIEW IF EXISTS ops.location_judge;

DROP VIEW IF EXISTS ops.location_to_staging;

DROP VIEW IF EXISTS ops.location_to_dead_letters;

DROP VIEW IF EXISTS ops.location_to_freshness;

DROP VIEW IF EXISTS ops.location_usual_to_staging;

DROP VIEW IF EXISTS ops.location_judged_to_staging;

DROP TABLE IF EXISTS ops.location_parsed;

DROP TABLE IF EXISTS ops.location_checked;

DROP TABLE IF EXISTS ops.location_judged;

-- Messages of location_events as they come; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.location_landing
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = Null;

-- The same messages with their fields, and whether they are plainly valid; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.location_parsed
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    x Tuple(event_id Nullable(UUID), page_url Nullable(String), page_url_path Nullable(String), referer_url Nullable(String), referer_medium LowCardinality(Nullable(String)), utm_medium LowCardinality(Nullable(String)), utm_source LowCardinality(Nullable(String)), utm_content LowCardinality(Nullable(String)), utm_campaign LowCardinality(Nullable(String))),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their values and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.location_judged
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    event_id UUID,
    page_url String,
    page_url_path String,
    referer_url String,
    referer_medium LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_source LowCardinality(String),
    utm_content LowCardinality(String),
    utm_campaign LowCardinality(String),
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_parse TO ops.location_parsed AS
SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, 
    ifNull(
        length(raw) <= 1000000
        AND colons = (colons - strings) + isNotNull(x.event_id) + isNotNull(x.page_url) + isNotNull(x.page_url_path) + isNotNull(x.referer_url) + isNotNull(x.referer_medium) + isNotNull(x.utm_medium) + isNotNull(x.utm_source) + isNotNull(x.utm_content) + isNotNull(x.utm_campaign)
        AND NOT multiSearchAny(raw, ['" ', '"\t', '"\n', '"\r'])
        AND ((colons - strings) = 0 OR ((colons - strings) = countSubstrings(raw, '":null') + countSubstrings(raw, '": null') AND arrayAll(n -> n IN ('event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'), JSONExtractKeys(raw))))
        AND isNotNull(x.event_id)
        AND x.page_url_path != '',
        0) AS usual
FROM
(
    SELECT
        raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
        JSONExtract(raw, 'Tuple(event_id Nullable(UUID), page_url Nullable(String), page_url_path Nullable(String), referer_url Nullable(String), referer_medium LowCardinality(Nullable(String)), utm_medium LowCardinality(Nullable(String)), utm_source LowCardinality(Nullable(String)), utm_content LowCardinality(Nullable(String)), utm_campaign LowCardinality(Nullable(String)))') AS x,
        countSubstrings(raw, '":') AS colons,
        countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
    FROM ops.location_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_usual_to_staging TO analytics.events_location_raw AS
SELECT
    assumeNotNull(x.event_id) AS event_id,
    assumeNotNull(x.page_url) AS page_url,
    assumeNotNull(x.page_url_path) AS page_url_path,
    assumeNotNull(x.referer_url) AS referer_url,
    assumeNotNull(x.referer_medium) AS referer_medium,
    assumeNotNull(x.utm_medium) AS utm_medium,
    assumeNotNull(x.utm_source) AS utm_source,
    assumeNotNull(x.utm_content) AS utm_content,
    assumeNotNull(x.utm_campaign) AS utm_campaign,
    toUInt32(0) AS unknown_fields,
    'location_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.location_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_judge TO ops.location_judged AS
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    ifNull(x.event_id, toUUID('00000000-0000-0000-0000-000000000000')) AS event_id,
    ifNull(x.page_url, '') AS page_url,
    ifNull(x.page_url_path, '') AS page_url_path,
    ifNull(x.referer_url, '') AS referer_url,
    ifNull(x.referer_medium, '') AS referer_medium,
    ifNull(x.utm_medium, '') AS utm_medium,
    ifNull(x.utm_source, '') AS utm_source,
    ifNull(x.utm_content, '') AS utm_content,
    ifNull(x.utm_campaign, '') AS utm_campaign,
    length(arrayDistinct(arrayFilter(n -> n NOT IN ('event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'), names))) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    if(judged > 11, '', ['event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'][which]) AS field,
    multiIf(
        judged = 2, concat('expected ', ['a UUID', 'a string', 'a string', 'a string', 'a string', 'a string', 'a string', 'a string', 'a string'][which], ', got ', transform(begins[which], ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['', '', '', '', '', '', '', '', ''][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            faults[which]
        ) AS judged
    FROM
    (
        SELECT *, arrayFirstIndex(f -> f != 0, faults) AS which
        FROM
        (
            SELECT *, arrayMap((b, needed, allowed, special) ->
                    multiIf(b = '', needed * 1, position(allowed, b) = 0, 2, special),
                begins, [1, 0, 1, 0, 0, 0, 0, 0, 0], ['"', '"', '"', '"', '"', '"', '"', '"', '"'], [
                    if(match(given[1], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), 0, 3),
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0
                ]) AS faults
            FROM
            (
                SELECT *, arrayMap(g -> if(g IN ('', 'null', '""'), '', substring(g, 1, 1)), given) AS begins
                FROM
                (
                    SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, JSONExtractKeys(raw) AS names, [JSONExtractRaw(raw, 'event_id'), JSONExtractRaw(raw, 'page_url'), JSONExtractRaw(raw, 'page_url_path'), JSONExtractRaw(raw, 'referer_url'), JSONExtractRaw(raw, 'referer_medium'), JSONExtractRaw(raw, 'utm_medium'), JSONExtractRaw(raw, 'utm_source'), JSONExtractRaw(raw, 'utm_content'), JSONExtractRaw(raw, 'utm_campaign')] AS given
                    FROM ops.location_parsed
                    WHERE NOT usual
                )
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_judged_to_staging TO analytics.events_location_raw AS
SELECT event_id, page_url, page_url_path, referer_url, referer_medium, utm_medium, utm_source, utm_content, utm_campaign, unknown_fields, 'location_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.location_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_to_dead_letters TO ops.dead_letters AS
SELECT raw, 'location' AS stream, 'location_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    verdict AS reason, field, detail
FROM ops.location_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_to_freshness TO ops.freshness AS
SELECT
    'location' AS stream, 'location_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    JSONExtractString(raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.location_judged
WHERE verdict = 'heartbeat';

ALTER TABLE analytics.events_interaction_raw MODIFY SETTING merge_selector_base = 20;

DROP VIEW IF EXISTS ops.interaction_parse;

DROP VIEW IF EXISTS ops.interaction_check;

DROP VIEW IF EXISTS ops.interaction_judge;

DROP VIEW IF EXISTS ops.interaction_to_staging;

DROP VIEW IF EXISTS ops.interaction_to_dead_letters;

DROP VIEW IF EXISTS ops.interaction_to_freshness;

DROP VIEW IF EXISTS ops.interaction_usual_to_staging;

DROP VIEW IF EXISTS ops.interaction_judged_to_staging;

DROP TABLE IF EXISTS ops.interaction_parsed;

DROP TABLE IF EXISTS ops.interaction_checked;

DROP TABLE IF EXISTS ops.interaction_judged;

-- Messages of interaction_events as they come; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.interaction_landing
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = Null;

-- The same messages with their fields, and whether they are plainly valid; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.interaction_parsed
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    x Tuple(event_id Nullable(UUID), click_id Nullable(UUID), event_type LowCardinality(Nullable(String)), event_title Nullable(String), element_id LowCardinality(Nullable(String)), x Nullable(String), y Nullable(String), payload Nullable(String), event_timestamp Nullable(String), page_url_path Nullable(String)),
    event_timestamp_at Nullable(DateTime64(6, 'UTC')),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their values and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.interaction_judged
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    event_id UUID,
    click_id UUID,
    event_type LowCardinality(String),
    event_title String,
    element_id LowCardinality(String),
    x Nullable(Float64),
    y Nullable(Float64),
    payload String,
    event_timestamp Nullable(DateTime64(6, 'UTC')),
    page_url_path String,
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_parse TO ops.interaction_parsed AS
SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, event_timestamp_at, 
    ifNull(
        length(raw) <= 1000000
        AND colons = (colons - strings) + isNotNull(x.event_id) + isNotNull(x.click_id) + isNotNull(x.event_type) + isNotNull(x.event_title) + isNotNull(x.element_id) + isNotNull(x.x) + isNotNull(x.y) + isNotNull(x.payload) + isNotNull(x.event_timestamp) + isNotNull(x.page_url_path)
        AND NOT multiSearchAny(raw, ['" ', '"\t', '"\n', '"\r'])
        AND ((colons - strings) = 0 OR ((colons - strings) = countSubstrings(raw, '":null') + countSubstrings(raw, '": null') AND arrayAll(n -> n IN ('event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path'), JSONExtractKeys(raw))))
        AND isNotNull(x.event_id)
        AND isNotNull(x.click_id)
        AND x.event_type != ''
        AND (isNull(x.x) OR (match(x.x, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND toFloat64OrZero(x.x) BETWEEN -1e+06 AND 1e+06))
        AND (isNull(x.y) OR (match(x.y, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND toFloat64OrZero(x.y) BETWEEN -1e+06 AND 1e+06))
        AND (isNull(x.event_timestamp) OR (length(x.event_timestamp) BETWEEN 19 AND 26 AND length(x.event_timestamp) != 20 AND startsWith(toString(event_timestamp_at), x.event_timestamp) AND event_timestamp_at >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC') AND event_timestamp_at < toDateTime64('2299-01-01 00:00:00', 6, 'UTC') AND event_timestamp_at <= kafka_time + INTERVAL 1 DAY)),
        0) AS usual
FROM
(
    SELECT
        raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
        JSONExtract(raw, 'Tuple(event_id Nullable(UUID), click_id Nullable(UUID), event_type LowCardinality(Nullable(String)), event_title Nullable(String), element_id LowCardinality(Nullable(String)), x Nullable(String), y Nullable(String), payload Nullable(String), event_timestamp Nullable(String), page_url_path Nullable(String))') AS x,
        toDateTime64OrNull(x.event_timestamp, 6, 'UTC') AS event_timestamp_at,
        countSubstrings(raw, '":') AS colons,
        countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
    FROM ops.interaction_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_usual_to_staging TO analytics.events_interaction_raw AS
SELECT
    assumeNotNull(x.event_id) AS event_id,
    assumeNotNull(x.click_id) AS click_id,
    assumeNotNull(x.event_type) AS event_type,
    assumeNotNull(x.event_title) AS event_title,
    assumeNotNull(x.element_id) AS element_id,
    toFloat64OrNull(x.x) AS x,
    toFloat64OrNull(x.y) AS y,
    assumeNotNull(x.payload) AS payload,
    event_timestamp_at AS event_timestamp,
    assumeNotNull(x.page_url_path) AS page_url_path,
    toUInt32(0) AS unknown_fields,
    'interaction_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.interaction_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_judge TO ops.interaction_judged AS
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    ifNull(x.event_id, toUUID('00000000-0000-0000-0000-000000000000')) AS event_id,
    ifNull(x.click_id, toUUID('00000000-0000-0000-0000-000000000000')) AS click_id,
    ifNull(x.event_type, '') AS event_type,
    ifNull(x.event_title, '') AS event_title,
    ifNull(x.element_id, '') AS element_id,
    toFloat64OrNull(x.x) AS x,
    toFloat64OrNull(x.y) AS y,
    ifNull(x.payload, '') AS payload,
    event_timestamp_moment AS event_timestamp,
    ifNull(x.page_url_path, '') AS page_url_path,
    length(arrayDistinct(arrayFilter(n -> n NOT IN ('event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path'), names))) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    if(judged > 11, '', ['event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path'][which]) AS field,
    multiIf(
        judged = 2, concat('expected ', ['a UUID', 'a UUID', 'a string', 'a string', 'a string', 'a number', 'a number', 'a string', 'a time', 'a string'][which], ', got ', transform(begins[which], ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['', '', '', '', '', 'not between -1000000 and 1000000', 'not between -1000000 and 1000000', '', '', ''][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            faults[which]
        ) AS judged
    FROM
    (
        SELECT *, arrayFirstIndex(f -> f != 0, faults) AS which
        FROM
        (
            SELECT *, arrayMap((b, needed, allowed, special) ->
                    multiIf(b = '', needed * 1, position(allowed, b) = 0, 2, special),
                begins, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0], ['"', '"', '"', '"', '"', '"-0123456789', '"-0123456789', '"', '"', '"'], [
                    if(match(given[1], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), 0, 3),
                    if(match(given[2], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), 0, 3),
                    0,
                    0,
                    0,
                    multiIf(begins[6] = '"' AND NOT ifNull(match(x.x, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND isFinite(toFloat64OrZero(x.x)), 0), 9, NOT ifNull(toFloat64OrNull(x.x) BETWEEN -1e+06 AND 1e+06, 0), 11, 0),
                    multiIf(begins[7] = '"' AND NOT ifNull(match(x.y, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND isFinite(toFloat64OrZero(x.y)), 0), 9, NOT ifNull(toFloat64OrNull(x.y) BETWEEN -1e+06 AND 1e+06, 0), 11, 0),
                    0,
                    multiIf(
                        ifNull(NOT match(x.event_timestamp, '^(?:[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)$'), 1), 4,
                        ifNull(NOT (substring(x.event_timestamp, 1, 4) >= '1970' AND substring(x.event_timestamp, 1, 4) < '2299'), 1), 5,
                        ifNull(NOT startsWith(toString(toDateTime64OrNull(concat(substring(x.event_timestamp, 1, 10), ' ', substring(x.event_timestamp, 12, 8)), 6, 'UTC')), concat(substring(x.event_timestamp, 1, 10), ' ', substring(x.event_timestamp, 12, 8))), 1), 6,
                        ifNull(event_timestamp_moment < toDateTime64('2000-01-01 00:00:00', 6, 'UTC'), 1), 7,
                        ifNull(event_timestamp_moment > kafka_time + INTERVAL 1 DAY, 1), 8, 0),
                    0
                ]) AS faults
            FROM
            (
                SELECT *, arrayMap(g -> if(g IN ('', 'null', '""'), '', substring(g, 1, 1)), given) AS begins, toDateTime64OrNull(concat(substring(x.event_timestamp, 1, 10), ' ', substring(x.event_timestamp, 12, 8), extract(x.event_timestamp, '[.][0-9]+')), 6, 'UTC') - toIntervalMinute(if(length(x.event_timestamp) > 22, (toInt32OrZero(substring(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), 2, 2)) * 60 + toInt32OrZero(right(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), 2))) * if(startsWith(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), '-'), -1, 1), 0)) AS event_timestamp_moment
                FROM
                (
                    SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, JSONExtractKeys(raw) AS names, [JSONExtractRaw(raw, 'event_id'), JSONExtractRaw(raw, 'click_id'), JSONExtractRaw(raw, 'event_type'), JSONExtractRaw(raw, 'event_title'), JSONExtractRaw(raw, 'element_id'), JSONExtractRaw(raw, 'x'), JSONExtractRaw(raw, 'y'), JSONExtractRaw(raw, 'payload'), JSONExtractRaw(raw, 'event_timestamp'), JSONExtractRaw(raw, 'page_url_path')] AS given
                    FROM ops.interaction_parsed
                    WHERE NOT usual
                )
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_judged_to_staging TO analytics.events_interaction_raw AS
SELECT event_id, click_id, event_type, event_title, element_id, x, y, payload, event_timestamp, page_url_path, unknown_fields, 'interaction_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.interaction_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_to_dead_letters TO ops.dead_letters AS
SELECT raw, 'interaction' AS stream, 'interaction_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    verdict AS reason, field, detail
FROM ops.interaction_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_to_freshness TO ops.freshness AS
SELECT
    'interaction' AS stream, 'interaction_events' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    JSONExtractString(raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.interaction_judged
WHERE verdict = 'heartbeat';

ALTER TABLE analytics.aggregation_clicks_raw MODIFY SETTING merge_selector_base = 20;

DROP VIEW IF EXISTS ops.aggregation_clicks_parse;

DROP VIEW IF EXISTS ops.aggregation_clicks_check;

DROP VIEW IF EXISTS ops.aggregation_clicks_judge;

DROP VIEW IF EXISTS ops.aggregation_clicks_to_staging;

DROP VIEW IF EXISTS ops.aggregation_clicks_to_dead_letters;

DROP VIEW IF EXISTS ops.aggregation_clicks_to_freshness;

DROP VIEW IF EXISTS ops.aggregation_clicks_usual_to_staging;

DROP VIEW IF EXISTS ops.aggregation_clicks_judged_to_staging;

DROP TABLE IF EXISTS ops.aggregation_clicks_parsed;

DROP TABLE IF EXISTS ops.aggregation_clicks_checked;

DROP TABLE IF EXISTS ops.aggregation_clicks_judged;

-- Messages of aggregation_clicks as they come; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.aggregation_clicks_landing
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = Null;

-- The same messages with their fields, and whether they are plainly valid; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.aggregation_clicks_parsed
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    x Tuple(product_id Nullable(String), count Nullable(String), timestamp Nullable(String)),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their values and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.aggregation_clicks_judged
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    product_id UInt32,
    count UInt32,
    timestamp UInt64,
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_parse TO ops.aggregation_clicks_parsed AS
SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, 
    ifNull(
        length(raw) <= 1000000
        AND colons = (colons - strings - isNotNull(x.product_id) - isNotNull(x.count) - isNotNull(x.timestamp)) + isNotNull(x.product_id) + isNotNull(x.count) + isNotNull(x.timestamp)
        AND match(raw, '"product_id": ?[0-9]') = isNotNull(x.product_id)
        AND match(raw, '"count": ?[0-9]') = isNotNull(x.count)
        AND match(raw, '"timestamp": ?[0-9]') = isNotNull(x.timestamp)
        AND NOT multiSearchAny(raw, ['" ', '"\t', '"\n', '"\r'])
        AND ((colons - strings - isNotNull(x.product_id) - isNotNull(x.count) - isNotNull(x.timestamp)) = 0 OR ((colons - strings - isNotNull(x.product_id) - isNotNull(x.count) - isNotNull(x.timestamp)) = countSubstrings(raw, '":null') + countSubstrings(raw, '": null') AND arrayAll(n -> n IN ('product_id', 'count', 'timestamp'), JSONExtractKeys(raw))))
        AND match(x.product_id, '^[0-9]{1,12}$') AND toFloat64OrZero(x.product_id) BETWEEN 0 AND 4294967295
        AND match(x.count, '^[0-9]{1,12}$') AND toFloat64OrZero(x.count) BETWEEN 0 AND 4294967295
        AND match(x.timestamp, '^[0-9]{1,12}$') AND toFloat64OrZero(x.timestamp) BETWEEN 0 AND 10413792000,
        0) AS usual
FROM
(
    SELECT
        raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
        JSONExtract(raw, 'Tuple(product_id Nullable(String), count Nullable(String), timestamp Nullable(String))') AS x,
        countSubstrings(raw, '":') AS colons,
        countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
    FROM ops.aggregation_clicks_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_usual_to_staging TO analytics.aggregation_clicks_raw AS
SELECT
    accurateCastOrDefault(toFloat64OrZero(x.product_id), 'UInt32') AS product_id,
    accurateCastOrDefault(toFloat64OrZero(x.count), 'UInt32') AS count,
    accurateCastOrDefault(toFloat64OrZero(x.timestamp), 'UInt64') AS timestamp,
    toUInt32(0) AS unknown_fields,
    'aggregation_clicks' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.aggregation_clicks_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_judge TO ops.aggregation_clicks_judged AS
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    ifNull(accurateCastOrDefault(toFloat64OrZero(x.product_id), 'UInt32'), 0) AS product_id,
    ifNull(accurateCastOrDefault(toFloat64OrZero(x.count), 'UInt32'), 0) AS count,
    ifNull(accurateCastOrDefault(toFloat64OrZero(x.timestamp), 'UInt64'), 0) AS timestamp,
    length(arrayDistinct(arrayFilter(n -> n NOT IN ('product_id', 'count', 'timestamp'), names))) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    if(judged > 11, '', ['product_id', 'count', 'timestamp'][which]) AS field,
    multiIf(
        judged = 2, concat('expected ', ['a whole number', 'a whole number', 'a whole number'][which], ', got ', transform(begins[which], ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['not between 0 and 4294967295', 'not between 0 and 4294967295', 'not between 0 and 10413792000'][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            faults[which]
        ) AS judged
    FROM
    (
        SELECT *, arrayFirstIndex(f -> f != 0, faults) AS which
        FROM
        (
            SELECT *, arrayMap((b, needed, allowed, special) ->
                    multiIf(b = '', needed * 1, position(allowed, b) = 0, 2, special),
                begins, [1, 1, 1], ['-0123456789', '-0123456789', '-0123456789'], [
                    multiIf(NOT ifNull(toFloat64OrNull(x.product_id) = floor(toFloat64OrNull(x.product_id)), 0), 10, NOT ifNull(toFloat64OrZero(x.product_id) BETWEEN 0 AND 4294967295, 0), 11, 0),
                    multiIf(NOT ifNull(toFloat64OrNull(x.count) = floor(toFloat64OrNull(x.count)), 0), 10, NOT ifNull(toFloat64OrZero(x.count) BETWEEN 0 AND 4294967295, 0), 11, 0),
                    multiIf(NOT ifNull(toFloat64OrNull(x.timestamp) = floor(toFloat64OrNull(x.timestamp)), 0), 10, NOT ifNull(toFloat64OrZero(x.timestamp) BETWEEN 0 AND 10413792000, 0), 11, 0)
                ]) AS faults
            FROM
            (
                SELECT *, arrayMap(g -> if(g IN ('', 'null', '""'), '', substring(g, 1, 1)), given) AS begins
                FROM
                (
                    SELECT raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x, JSONExtractKeys(raw) AS names, [JSONExtractRaw(raw, 'product_id'), JSONExtractRaw(raw, 'count'), JSONExtractRaw(raw, 'timestamp')] AS given
                    FROM ops.aggregation_clicks_parsed
                    WHERE NOT usual
                )
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_judged_to_staging TO analytics.aggregation_clicks_raw AS
SELECT product_id, count, timestamp, unknown_fields, 'aggregation_clicks' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line
FROM ops.aggregation_clicks_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_to_dead_letters TO ops.dead_letters AS
SELECT raw, 'aggregation_clicks' AS stream, 'aggregation_clicks' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    verdict AS reason, field, detail
FROM ops.aggregation_clicks_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_to_freshness TO ops.freshness AS
SELECT
    'aggregation_clicks' AS stream, 'aggregation_clicks' AS topic, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    JSONExtractString(raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(raw, 'sent_at'), 3, 'UTC') AS sent_at
FROM ops.aggregation_clicks_judged
WHERE verdict = 'heartbeat';
