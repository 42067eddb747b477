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
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(event_id UUID, event_timestamp String, event_type LowCardinality(String), click_id UUID, browser_name LowCardinality(String), browser_language LowCardinality(String), browser_user_agent String),
    event_timestamp_at DateTime64(6, 'UTC'),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their fields and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.browser_judged
(
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(event_id UUID, event_timestamp String, event_type LowCardinality(String), click_id UUID, browser_name LowCardinality(String), browser_language LowCardinality(String), browser_user_agent String),
    event_timestamp_at DateTime64(6, 'UTC'),
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_parse TO ops.browser_parsed AS
SELECT message, x,
    toDateTime64OrZero(x.event_timestamp, 6, 'UTC') AS event_timestamp_at,
    notEmpty(names)
        AND length(raw) <= 1000000
        AND (names = ['event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'] OR arrayAll(n -> n IN ['event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'], names) AND arrayUniq(names) = length(names))
        AND NOT (empty(x.event_id)
        OR length(x.event_timestamp) NOT IN (19, 21, 22, 23, 24, 25, 26)
        OR x.event_timestamp < '2000'
        OR x.event_timestamp >= '2299'
        OR NOT startsWith(toString(event_timestamp_at), x.event_timestamp)
        OR event_timestamp_at > addDays(kafka_time, 1)
        OR match(x.event_type, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR x.event_type = ''
        OR empty(x.click_id)
        OR match(x.browser_name, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.browser_language, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR ascii(x.browser_user_agent) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123) AND match(x.browser_user_agent, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')) AS usual
FROM
(
    SELECT raw, kafka_time, (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(event_id UUID, event_timestamp String, event_type LowCardinality(String), click_id UUID, browser_name LowCardinality(String), browser_language LowCardinality(String), browser_user_agent String)') AS x, JSONExtractKeys(raw) AS names
    FROM ops.browser_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_usual_to_staging TO analytics.events_browser_raw AS
SELECT
    x.event_id AS event_id,
    event_timestamp_at AS event_timestamp,
    x.event_type AS event_type,
    x.click_id AS click_id,
    x.browser_name AS browser_name,
    x.browser_language AS browser_language,
    x.browser_user_agent AS browser_user_agent,
    0 AS unknown_fields,
    'browser_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.browser_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_judge TO ops.browser_judged AS
SELECT
    message, x,
    parseDateTime64BestEffortOrZero(x.event_timestamp, 6, 'UTC') AS event_timestamp_at,
    length(arrayExcept(arrayDistinct(names), ['event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'][if(judged > 11, 0, which)] AS field,
    multiIf(
        judged = 2, concat('expected ', ['a UUID', 'a time', 'a string', 'a UUID', 'a string', 'a string', 'a string'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['', '', '', '', '', '', ''][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(event_id UUID, event_timestamp String, event_type LowCardinality(String), click_id UUID, browser_name LowCardinality(String), browser_language LowCardinality(String), browser_user_agent String)') AS x, arrayFirstIndex(f -> f != 0, faults) AS which, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            arrayFirst(f -> f != 0, faults)
        ) AS judged
    FROM
    (
        SELECT *, arrayMap((g, needed, begins, other, t, moment) -> multiIf(
                g = 'null', needed * 1,
                position(begins, substring(g, 1, 1)) = 0, 2,
                other = 3 AND NOT match(g, '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), other,
                other = 4 AND NOT match(g, '^(?:"(?:[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)")$'), other,
                other = 4, multiIf(
                    t < '1970' OR t >= '2299', 5,
                    isNull(moment), 6,
                    moment < toDateTime64('2000-01-01 00:00:00', 6, 'UTC'), 7,
                    moment > addDays(kafka_time, 1), 8, 0), 0),
            given, [1, 1, 1, 1, 0, 0, 0], ['"', '"', '"', '"', '"', '"', '"'], [3, 4, 0, 3, 0, 0, 0], arrayMap(g -> trimBoth(g, '"'), given), arrayMap(t -> parseDateTime64BestEffortOrNull(t, 6, 'UTC'), arrayMap(g -> trimBoth(g, '"'), given))) AS faults
        FROM
        (
            SELECT *, JSONExtractKeys(raw) AS names, arrayMap(g -> if(g IN ('', '""'), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'])) AS given
            FROM
            (
                SELECT message, message.raw AS raw, message.kafka_time AS kafka_time
                FROM ops.browser_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_judged_to_staging TO analytics.events_browser_raw AS
SELECT
    x.event_id AS event_id,
    event_timestamp_at AS event_timestamp,
    x.event_type AS event_type,
    x.click_id AS click_id,
    x.browser_name AS browser_name,
    x.browser_language AS browser_language,
    x.browser_user_agent AS browser_user_agent,
    unknown_fields AS unknown_fields,
    'browser_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.browser_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_to_dead_letters TO ops.dead_letters AS
SELECT
    message.raw AS raw, 'browser' AS stream, 'browser_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    verdict AS reason, field, detail
FROM ops.browser_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_to_freshness TO ops.freshness AS
SELECT
    'browser' AS stream, 'browser_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(
        JSONExtractString(message.raw, 'sent_at'), 3, 'UTC'
    ) AS sent_at
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
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(click_id UUID, os LowCardinality(String), os_name LowCardinality(String), os_timezone LowCardinality(String), device_type LowCardinality(String), device_is_mobile Nullable(Bool), user_custom_id String, user_domain_id UUID),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their fields and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.device_judged
(
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(click_id UUID, os LowCardinality(String), os_name LowCardinality(String), os_timezone LowCardinality(String), device_type LowCardinality(String), device_is_mobile Nullable(Bool), user_custom_id String, user_domain_id UUID),
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_parse TO ops.device_parsed AS
SELECT message, x,
    notEmpty(names)
        AND length(raw) <= 1000000
        AND (names = ['click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'] OR arrayAll(n -> n IN ['click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'], names) AND arrayUniq(names) = length(names))
        AND NOT (empty(x.click_id)
        OR match(x.os, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.os_name, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.os_timezone, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.device_type, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR substring(raw, position(raw, '"device_is_mobile":'), 22) NOT IN ('"device_is_mobile":tru', '"device_is_mobile":fal', '"device_is_mobile":nul', '"device_is_mobile":"",', '"device_is_mobile":""}', '"device_is_mobile": tr', '"device_is_mobile": fa', '"device_is_mobile": nu', '"device_is_mobile": ""') AND has(names, 'device_is_mobile')
        OR ascii(x.user_custom_id) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123) AND match(x.user_custom_id, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR empty(x.user_domain_id)) AS usual
FROM
(
    SELECT raw, kafka_time, (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(click_id UUID, os LowCardinality(String), os_name LowCardinality(String), os_timezone LowCardinality(String), device_type LowCardinality(String), device_is_mobile Nullable(Bool), user_custom_id String, user_domain_id UUID)') AS x, JSONExtractKeys(raw) AS names
    FROM ops.device_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_usual_to_staging TO analytics.events_device_raw AS
SELECT
    x.click_id AS click_id,
    x.os AS os,
    x.os_name AS os_name,
    x.os_timezone AS os_timezone,
    x.device_type AS device_type,
    x.device_is_mobile AS device_is_mobile,
    x.user_custom_id AS user_custom_id,
    x.user_domain_id AS user_domain_id,
    0 AS unknown_fields,
    'device_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.device_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_judge TO ops.device_judged AS
SELECT
    message, x,
    length(arrayExcept(arrayDistinct(names), ['click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'][if(judged > 11, 0, which)] AS field,
    multiIf(
        judged = 2, concat('expected ', ['a UUID', 'a string', 'a string', 'a string', 'a string', 'true or false', 'a string', 'a UUID'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['', '', '', '', '', '', '', ''][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(click_id UUID, os LowCardinality(String), os_name LowCardinality(String), os_timezone LowCardinality(String), device_type LowCardinality(String), device_is_mobile Nullable(Bool), user_custom_id String, user_domain_id UUID)') AS x, arrayFirstIndex(f -> f != 0, faults) AS which, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            arrayFirst(f -> f != 0, faults)
        ) AS judged
    FROM
    (
        SELECT *, arrayMap((g, needed, begins, other) -> multiIf(
                g = 'null', needed * 1,
                position(begins, substring(g, 1, 1)) = 0, 2,
                other = 3 AND NOT match(g, '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), other, 0),
            given, [1, 0, 0, 0, 0, 0, 0, 1], ['"', '"', '"', '"', '"', 'tf', '"', '"'], [3, 0, 0, 0, 0, 0, 0, 3]) AS faults
        FROM
        (
            SELECT *, JSONExtractKeys(raw) AS names, arrayMap(g -> if(g IN ('', '""'), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'])) AS given
            FROM
            (
                SELECT message, message.raw AS raw, message.kafka_time AS kafka_time
                FROM ops.device_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_judged_to_staging TO analytics.events_device_raw AS
SELECT
    x.click_id AS click_id,
    x.os AS os,
    x.os_name AS os_name,
    x.os_timezone AS os_timezone,
    x.device_type AS device_type,
    x.device_is_mobile AS device_is_mobile,
    x.user_custom_id AS user_custom_id,
    x.user_domain_id AS user_domain_id,
    unknown_fields AS unknown_fields,
    'device_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.device_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_to_dead_letters TO ops.dead_letters AS
SELECT
    message.raw AS raw, 'device' AS stream, 'device_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    verdict AS reason, field, detail
FROM ops.device_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_to_freshness TO ops.freshness AS
SELECT
    'device' AS stream, 'device_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(
        JSONExtractString(message.raw, 'sent_at'), 3, 'UTC'
    ) AS sent_at
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
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(click_id UUID, geo_latitude String, geo_longitude String, geo_country LowCardinality(String), geo_timezone LowCardinality(String), geo_region_name LowCardinality(String), ip_address String),
    geo_latitude_number Nullable(Float64),
    geo_longitude_number Nullable(Float64),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their fields and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.geo_judged
(
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(click_id UUID, geo_latitude String, geo_longitude String, geo_country LowCardinality(String), geo_timezone LowCardinality(String), geo_region_name LowCardinality(String), ip_address String),
    geo_latitude_number Nullable(Float64),
    geo_longitude_number Nullable(Float64),
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_parse TO ops.geo_parsed AS
SELECT message, x,
    toFloat64OrNull(x.geo_latitude) AS geo_latitude_number,
    toFloat64OrNull(x.geo_longitude) AS geo_longitude_number,
    notEmpty(names)
        AND length(raw) <= 1000000
        AND (names = ['click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'] OR arrayAll(n -> n IN ['click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'], names) AND arrayUniq(names) = length(names))
        AND NOT (empty(x.click_id)
        OR NOT match(x.geo_latitude, '^(?:|[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$')
        OR ifNull(geo_latitude_number, 0) NOT BETWEEN -90 AND 90
        OR NOT match(x.geo_longitude, '^(?:|[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$')
        OR ifNull(geo_longitude_number, 0) NOT BETWEEN -180 AND 180
        OR match(x.geo_country, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.geo_timezone, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.geo_region_name, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.ip_address, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')) AS usual
FROM
(
    SELECT raw, kafka_time, (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(click_id UUID, geo_latitude String, geo_longitude String, geo_country LowCardinality(String), geo_timezone LowCardinality(String), geo_region_name LowCardinality(String), ip_address String)') AS x, JSONExtractKeys(raw) AS names
    FROM ops.geo_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_usual_to_staging TO analytics.events_geo_raw AS
SELECT
    x.click_id AS click_id,
    geo_latitude_number AS geo_latitude,
    geo_longitude_number AS geo_longitude,
    x.geo_country AS geo_country,
    x.geo_timezone AS geo_timezone,
    x.geo_region_name AS geo_region_name,
    x.ip_address AS ip_address,
    0 AS unknown_fields,
    'geo_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.geo_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_judge TO ops.geo_judged AS
SELECT
    message, x,
    toFloat64OrNull(x.geo_latitude) AS geo_latitude_number,
    toFloat64OrNull(x.geo_longitude) AS geo_longitude_number,
    length(arrayExcept(arrayDistinct(names), ['click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'][if(judged > 11, 0, which)] AS field,
    multiIf(
        judged = 2, concat('expected ', ['a UUID', 'a number', 'a number', 'a string', 'a string', 'a string', 'a string'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['', 'not between -90 and 90', 'not between -180 and 180', '', '', '', ''][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(click_id UUID, geo_latitude String, geo_longitude String, geo_country LowCardinality(String), geo_timezone LowCardinality(String), geo_region_name LowCardinality(String), ip_address String)') AS x, arrayFirstIndex(f -> f != 0, faults) AS which, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            arrayFirst(f -> f != 0, faults)
        ) AS judged
    FROM
    (
        SELECT *, arrayMap((g, needed, begins, other, number, lowest, highest) -> multiIf(
                g = 'null', needed * 1,
                position(begins, substring(g, 1, 1)) = 0, 2,
                other = 3 AND NOT match(g, '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), other,
                other = 9 AND NOT match(g, '^[^"]|^(?:"(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)")$'), other,
                other = 9 AND NOT isFinite(number), 9,
                other = 10 AND number != floor(number), 10,
                number < lowest OR number > highest, 11, 0),
            given, [1, 0, 0, 0, 0, 0, 0], ['"', '"-0123456789', '"-0123456789', '"', '"', '"', '"'], [3, 9, 9, 0, 0, 0, 0], arrayMap(t -> toFloat64OrZero(t), arrayMap(g -> trimBoth(g, '"'), given)), [-inf, -90, -180, -inf, -inf, -inf, -inf], [inf, 90, 180, inf, inf, inf, inf]) AS faults
        FROM
        (
            SELECT *, JSONExtractKeys(raw) AS names, arrayMap(g -> if(g IN ('', '""'), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'])) AS given
            FROM
            (
                SELECT message, message.raw AS raw, message.kafka_time AS kafka_time
                FROM ops.geo_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_judged_to_staging TO analytics.events_geo_raw AS
SELECT
    x.click_id AS click_id,
    geo_latitude_number AS geo_latitude,
    geo_longitude_number AS geo_longitude,
    x.geo_country AS geo_country,
    x.geo_timezone AS geo_timezone,
    x.geo_region_name AS geo_region_name,
    x.ip_address AS ip_address,
    unknown_fields AS unknown_fields,
    'geo_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.geo_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_to_dead_letters TO ops.dead_letters AS
SELECT
    message.raw AS raw, 'geo' AS stream, 'geo_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    verdict AS reason, field, detail
FROM ops.geo_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_to_freshness TO ops.freshness AS
SELECT
    'geo' AS stream, 'geo_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(
        JSONExtractString(message.raw, 'sent_at'), 3, 'UTC'
    ) AS sent_at
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
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(event_id UUID, page_url String, page_url_path String, referer_url String, referer_medium LowCardinality(String), utm_medium LowCardinality(String), utm_source LowCardinality(String), utm_content LowCardinality(String), utm_campaign LowCardinality(String)),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their fields and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.location_judged
(
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(event_id UUID, page_url String, page_url_path String, referer_url String, referer_medium LowCardinality(String), utm_medium LowCardinality(String), utm_source LowCardinality(String), utm_content LowCardinality(String), utm_campaign LowCardinality(String)),
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_parse TO ops.location_parsed AS
SELECT message, x,
    notEmpty(names)
        AND length(raw) <= 1000000
        AND (names = ['event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'] OR arrayAll(n -> n IN ['event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'], names) AND arrayUniq(names) = length(names))
        AND NOT (empty(x.event_id)
        OR ascii(x.page_url) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123) AND match(x.page_url, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR ascii(x.page_url_path) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123) AND match(x.page_url_path, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR x.page_url_path = ''
        OR ascii(x.referer_url) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123) AND match(x.referer_url, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.referer_medium, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.utm_medium, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.utm_source, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.utm_content, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.utm_campaign, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')) AS usual
FROM
(
    SELECT raw, kafka_time, (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(event_id UUID, page_url String, page_url_path String, referer_url String, referer_medium LowCardinality(String), utm_medium LowCardinality(String), utm_source LowCardinality(String), utm_content LowCardinality(String), utm_campaign LowCardinality(String))') AS x, JSONExtractKeys(raw) AS names
    FROM ops.location_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_usual_to_staging TO analytics.events_location_raw AS
SELECT
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
    'location_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.location_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_judge TO ops.location_judged AS
SELECT
    message, x,
    length(arrayExcept(arrayDistinct(names), ['event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'][if(judged > 11, 0, which)] AS field,
    multiIf(
        judged = 2, concat('expected ', ['a UUID', 'a string', 'a string', 'a string', 'a string', 'a string', 'a string', 'a string', 'a string'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['', '', '', '', '', '', '', '', ''][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(event_id UUID, page_url String, page_url_path String, referer_url String, referer_medium LowCardinality(String), utm_medium LowCardinality(String), utm_source LowCardinality(String), utm_content LowCardinality(String), utm_campaign LowCardinality(String))') AS x, arrayFirstIndex(f -> f != 0, faults) AS which, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            arrayFirst(f -> f != 0, faults)
        ) AS judged
    FROM
    (
        SELECT *, arrayMap((g, needed, begins, other) -> multiIf(
                g = 'null', needed * 1,
                position(begins, substring(g, 1, 1)) = 0, 2,
                other = 3 AND NOT match(g, '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), other, 0),
            given, [1, 0, 1, 0, 0, 0, 0, 0, 0], ['"', '"', '"', '"', '"', '"', '"', '"', '"'], [3, 0, 0, 0, 0, 0, 0, 0, 0]) AS faults
        FROM
        (
            SELECT *, JSONExtractKeys(raw) AS names, arrayMap(g -> if(g IN ('', '""'), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'])) AS given
            FROM
            (
                SELECT message, message.raw AS raw, message.kafka_time AS kafka_time
                FROM ops.location_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_judged_to_staging TO analytics.events_location_raw AS
SELECT
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
    'location_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.location_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_to_dead_letters TO ops.dead_letters AS
SELECT
    message.raw AS raw, 'location' AS stream, 'location_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    verdict AS reason, field, detail
FROM ops.location_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_to_freshness TO ops.freshness AS
SELECT
    'location' AS stream, 'location_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(
        JSONExtractString(message.raw, 'sent_at'), 3, 'UTC'
    ) AS sent_at
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
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(event_id UUID, click_id UUID, event_type LowCardinality(String), event_title String, element_id LowCardinality(String), x String, y String, payload String, event_timestamp String, page_url_path String),
    event_timestamp_at Nullable(DateTime64(6, 'UTC')),
    x_number Nullable(Float64),
    y_number Nullable(Float64),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their fields and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.interaction_judged
(
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(event_id UUID, click_id UUID, event_type LowCardinality(String), event_title String, element_id LowCardinality(String), x String, y String, payload String, event_timestamp String, page_url_path String),
    event_timestamp_at Nullable(DateTime64(6, 'UTC')),
    x_number Nullable(Float64),
    y_number Nullable(Float64),
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_parse TO ops.interaction_parsed AS
SELECT message, x,
    toDateTime64OrNull(nullIf(x.event_timestamp, ''), 6, 'UTC') AS event_timestamp_at,
    toFloat64OrNull(x.x) AS x_number,
    toFloat64OrNull(x.y) AS y_number,
    notEmpty(names)
        AND length(raw) <= 1000000
        AND (names = ['event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path'] OR arrayAll(n -> n IN ['event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path'], names) AND arrayUniq(names) = length(names))
        AND NOT (empty(x.event_id)
        OR empty(x.click_id)
        OR match(x.event_type, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR x.event_type = ''
        OR ascii(x.event_title) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123) AND match(x.event_title, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR match(x.element_id, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')
        OR NOT match(x.x, '^(?:|[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$')
        OR ifNull(x_number, 0) NOT BETWEEN -1000000 AND 1000000
        OR NOT match(x.y, '^(?:|[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$')
        OR ifNull(y_number, 0) NOT BETWEEN -1000000 AND 1000000
        OR (match(x.payload, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)') AND JSONType(raw, 'payload') != 'String')
        OR (x.event_timestamp != '' AND ifNull(length(x.event_timestamp) NOT IN (19, 21, 22, 23, 24, 25, 26) OR x.event_timestamp < '2000' OR x.event_timestamp >= '2299' OR NOT startsWith(toString(event_timestamp_at), x.event_timestamp) OR event_timestamp_at > addDays(kafka_time, 1), 1))
        OR ascii(x.page_url_path) IN (45, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 91, 102, 116, 123) AND match(x.page_url_path, '^(?:[\\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)')) AS usual
FROM
(
    SELECT raw, kafka_time, (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(event_id UUID, click_id UUID, event_type LowCardinality(String), event_title String, element_id LowCardinality(String), x String, y String, payload String, event_timestamp String, page_url_path String)') AS x, JSONExtractKeys(raw) AS names
    FROM ops.interaction_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_usual_to_staging TO analytics.events_interaction_raw AS
SELECT
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
    'interaction_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.interaction_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_judge TO ops.interaction_judged AS
SELECT
    message, x,
    parseDateTime64BestEffortOrNull(nullIf(x.event_timestamp, ''), 6, 'UTC') AS event_timestamp_at,
    toFloat64OrNull(x.x) AS x_number,
    toFloat64OrNull(x.y) AS y_number,
    length(arrayExcept(arrayDistinct(names), ['event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path'][if(judged > 11, 0, which)] AS field,
    multiIf(
        judged = 2, concat('expected ', ['a UUID', 'a UUID', 'a string', 'a string', 'a string', 'a number', 'a number', 'a string', 'a time', 'a string'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['', '', '', '', '', 'not between -1000000 and 1000000', 'not between -1000000 and 1000000', '', '', ''][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(event_id UUID, click_id UUID, event_type LowCardinality(String), event_title String, element_id LowCardinality(String), x String, y String, payload String, event_timestamp String, page_url_path String)') AS x, arrayFirstIndex(f -> f != 0, faults) AS which, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            arrayFirst(f -> f != 0, faults)
        ) AS judged
    FROM
    (
        SELECT *, arrayMap((g, needed, begins, other, t, moment, number, lowest, highest) -> multiIf(
                g = 'null', needed * 1,
                position(begins, substring(g, 1, 1)) = 0, 2,
                other = 3 AND NOT match(g, '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), other,
                other = 4 AND NOT match(g, '^(?:"(?:[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)")$'), other,
                other = 9 AND NOT match(g, '^[^"]|^(?:"(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)")$'), other,
                other = 4, multiIf(
                    t < '1970' OR t >= '2299', 5,
                    isNull(moment), 6,
                    moment < toDateTime64('2000-01-01 00:00:00', 6, 'UTC'), 7,
                    moment > addDays(kafka_time, 1), 8, 0),
                other = 9 AND NOT isFinite(number), 9,
                other = 10 AND number != floor(number), 10,
                number < lowest OR number > highest, 11, 0),
            given, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0], ['"', '"', '"', '"', '"', '"-0123456789', '"-0123456789', '"', '"', '"'], [3, 3, 0, 0, 0, 9, 9, 0, 4, 0], arrayMap(g -> trimBoth(g, '"'), given), arrayMap(t -> parseDateTime64BestEffortOrNull(t, 6, 'UTC'), arrayMap(g -> trimBoth(g, '"'), given)), arrayMap(t -> toFloat64OrZero(t), arrayMap(g -> trimBoth(g, '"'), given)), [-inf, -inf, -inf, -inf, -inf, -1000000, -1000000, -inf, -inf, -inf], [inf, inf, inf, inf, inf, 1000000, 1000000, inf, inf, inf]) AS faults
        FROM
        (
            SELECT *, JSONExtractKeys(raw) AS names, arrayMap(g -> if(g IN ('', '""'), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['event_id', 'click_id', 'event_type', 'event_title', 'element_id', 'x', 'y', 'payload', 'event_timestamp', 'page_url_path'])) AS given
            FROM
            (
                SELECT message, message.raw AS raw, message.kafka_time AS kafka_time
                FROM ops.interaction_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_judged_to_staging TO analytics.events_interaction_raw AS
SELECT
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
    'interaction_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.interaction_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_to_dead_letters TO ops.dead_letters AS
SELECT
    message.raw AS raw, 'interaction' AS stream, 'interaction_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    verdict AS reason, field, detail
FROM ops.interaction_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.interaction_to_freshness TO ops.freshness AS
SELECT
    'interaction' AS stream, 'interaction_events' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(
        JSONExtractString(message.raw, 'sent_at'), 3, 'UTC'
    ) AS sent_at
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
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(product_id String, count String, timestamp String),
    usual UInt8
)
ENGINE = Null;

-- Those that are not plainly valid, with their fields and verdict; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.aggregation_clicks_judged
(
    message Tuple(raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64),
    x Tuple(product_id String, count String, timestamp String),
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_parse TO ops.aggregation_clicks_parsed AS
SELECT message, x,
    notEmpty(names)
        AND length(raw) <= 1000000
        AND (names = ['product_id', 'count', 'timestamp'] OR arrayAll(n -> n IN ['product_id', 'count', 'timestamp'], names) AND arrayUniq(names) = length(names))
        AND NOT (NOT match(x.product_id, '^[0-9]{1,12}$')
        OR toFloat64OrZero(x.product_id) NOT BETWEEN 0 AND 4294967295
        OR NOT match(raw, '"product_id": ?[0-9]')
        OR NOT match(x.count, '^[0-9]{1,12}$')
        OR toFloat64OrZero(x.count) NOT BETWEEN 0 AND 4294967295
        OR NOT match(raw, '"count": ?[0-9]')
        OR NOT match(x.timestamp, '^[0-9]{1,12}$')
        OR toFloat64OrZero(x.timestamp) NOT BETWEEN 0 AND 10413792000
        OR NOT match(raw, '"timestamp": ?[0-9]')) AS usual
FROM
(
    SELECT raw, kafka_time, (raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line) AS message,
        JSONExtract(raw, 'Tuple(product_id String, count String, timestamp String)') AS x, JSONExtractKeys(raw) AS names
    FROM ops.aggregation_clicks_landing
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_usual_to_staging TO analytics.aggregation_clicks_raw AS
SELECT
    accurateCastOrDefault(toFloat64OrZero(x.product_id), 'UInt32') AS product_id,
    accurateCastOrDefault(toFloat64OrZero(x.count), 'UInt32') AS count,
    accurateCastOrDefault(toFloat64OrZero(x.timestamp), 'UInt64') AS timestamp,
    0 AS unknown_fields,
    'aggregation_clicks' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.aggregation_clicks_parsed
WHERE usual;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_judge TO ops.aggregation_clicks_judged AS
SELECT
    message, x,
    length(arrayExcept(arrayDistinct(names), ['product_id', 'count', 'timestamp'])) AS unknown_fields,
    ['missing_field', 'wrong_type', 'wrong_type', 'wrong_type', 'implausible_time', 'wrong_type', 'implausible_time', 'implausible_time', 'wrong_type', 'wrong_type', 'out_of_range', 'too_large', 'invalid_json', 'not_an_object', 'heartbeat'][judged] AS verdict,
    ['product_id', 'count', 'timestamp'][if(judged > 11, 0, which)] AS field,
    multiIf(
        judged = 2, concat('expected ', ['a whole number', 'a whole number', 'a whole number'][which], ', got ', transform(substring(given[which], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number')),
        judged = 11, ['not between 0 and 4294967295', 'not between 0 and 4294967295', 'not between 0 and 10413792000'][which],
        ['absent, null or empty', '', 'expected a UUID, got other text', 'expected a time like 2026-01-31 23:59:59.123456', 'the year is not between 1970 and 2298', 'the month has no such day', 'before 2000-01-01', 'more than a day after the message', 'expected a number, got other text', 'expected a whole number, got a fraction', '', 'over 1000000 bytes', 'not one JSON value in UTF-8', 'not a JSON object', ''][judged]
    ) AS detail
FROM
(
    SELECT *, JSONExtract(concat('[', arrayStringConcat(given, ','), ']'), 'Tuple(product_id String, count String, timestamp String)') AS x, arrayFirstIndex(f -> f != 0, faults) AS which, multiIf(
            length(raw) > 1000000, 12,
            empty(names) AND NOT isValidJSON(raw), 13,
            empty(names) AND JSONType(raw) != 'Object', 14,
            has(names, 'headwater_heartbeat'), 15,
            arrayFirst(f -> f != 0, faults)
        ) AS judged
    FROM
    (
        SELECT *, arrayMap((g, needed, begins, other, number, lowest, highest) -> multiIf(
                g = 'null', needed * 1,
                position(begins, substring(g, 1, 1)) = 0, 2,
                other = 9 AND NOT isFinite(number), 9,
                other = 10 AND number != floor(number), 10,
                number < lowest OR number > highest, 11, 0),
            given, [1, 1, 1], ['-0123456789', '-0123456789', '-0123456789'], [10, 10, 10], arrayMap(t -> toFloat64OrZero(t), arrayMap(g -> trimBoth(g, '"'), given)), [0, 0, 0], [4294967295, 4294967295, 10413792000]) AS faults
        FROM
        (
            SELECT *, JSONExtractKeys(raw) AS names, arrayMap(g -> if(g IN ('', '""'), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), ['product_id', 'count', 'timestamp'])) AS given
            FROM
            (
                SELECT message, message.raw AS raw, message.kafka_time AS kafka_time
                FROM ops.aggregation_clicks_parsed
                WHERE NOT usual
            )
        )
    )
);

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_judged_to_staging TO analytics.aggregation_clicks_raw AS
SELECT
    accurateCastOrDefault(toFloat64OrZero(x.product_id), 'UInt32') AS product_id,
    accurateCastOrDefault(toFloat64OrZero(x.count), 'UInt32') AS count,
    accurateCastOrDefault(toFloat64OrZero(x.timestamp), 'UInt64') AS timestamp,
    unknown_fields AS unknown_fields,
    'aggregation_clicks' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line
FROM ops.aggregation_clicks_judged
WHERE verdict = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_to_dead_letters TO ops.dead_letters AS
SELECT
    message.raw AS raw, 'aggregation_clicks' AS stream, 'aggregation_clicks' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    verdict AS reason, field, detail
FROM ops.aggregation_clicks_judged
WHERE verdict NOT IN ('', 'heartbeat');

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.aggregation_clicks_to_freshness TO ops.freshness AS
SELECT
    'aggregation_clicks' AS stream, 'aggregation_clicks' AS topic, message.epoch AS epoch, message.partition AS partition, message.offset AS offset, message.kafka_time AS kafka_time, message.ingested_at AS ingested_at, message.origin AS origin, message.origin_line AS origin_line,
    JSONExtractString(message.raw, 'headwater_heartbeat') AS heartbeat,
    parseDateTime64BestEffortOrNull(
        JSONExtractString(message.raw, 'sent_at'), 3, 'UTC'
    ) AS sent_at
FROM ops.aggregation_clicks_judged
WHERE verdict = 'heartbeat';
