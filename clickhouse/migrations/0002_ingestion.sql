-- Derived from the contract (headwater.contracts): staging tables, dead letters, heartbeats, and the chain of views
-- that parses, judges and routes each message once. `python -m headwater.core.ingestion_ddl` prints it.

-- One row per message that breaks the contract.
CREATE TABLE IF NOT EXISTS ops.dead_letters
(
    raw         String COMMENT 'The message as it came' CODEC(ZSTD(1)),
    stream      LowCardinality(String),
    topic       LowCardinality(String),
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    reason      LowCardinality(String),
    field       LowCardinality(String),
    detail      String
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (topic, epoch, partition, offset)
TTL toDateTime(ingested_at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1;

-- One row per heartbeat that went the way of the events.
CREATE TABLE IF NOT EXISTS ops.freshness
(
    stream      LowCardinality(String),
    topic       LowCardinality(String),
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    heartbeat   String,
    sent_at     Nullable(DateTime64(3, 'UTC'))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (topic, epoch, partition, offset)
TTL toDateTime(ingested_at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1;

-- One row per accepted message of browser_events.
CREATE TABLE IF NOT EXISTS analytics.events_browser_raw
(
    event_id UUID COMMENT 'Identity of the event; unique.',
    event_timestamp DateTime64(6, 'UTC') COMMENT 'When it happened.' CODEC(Delta, ZSTD(1)),
    event_type LowCardinality(String) COMMENT 'What happened: `pageview` and others; an open set.',
    click_id UUID COMMENT 'Links the event to its device and geo part.',
    browser_name LowCardinality(String) COMMENT 'Name of the browser.',
    browser_language LowCardinality(String) COMMENT 'Preferred language of the browser.',
    browser_user_agent String COMMENT 'The browser\'s own description of itself.',
    unknown_fields UInt32 COMMENT 'Fields of the message that the contract does not name',
    topic       LowCardinality(String),
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1;

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

-- The same messages with their fields; keeps nothing, feeds the chain.
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
    x Tuple(event_id Nullable(UUID), event_timestamp Nullable(String), event_type Nullable(String), click_id Nullable(UUID), browser_name Nullable(String), browser_language Nullable(String), browser_user_agent Nullable(String)),
    colons UInt64,
    strings UInt64
)
ENGINE = Null;

-- The same messages, and the raw values of those that are not plainly valid; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.browser_checked
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    x Tuple(event_id Nullable(UUID), event_timestamp Nullable(String), event_type Nullable(String), click_id Nullable(UUID), browser_name Nullable(String), browser_language Nullable(String), browser_user_agent Nullable(String)),
    usual UInt8,
    names Array(String),
    given Array(String)
)
ENGINE = Null;

-- The same messages with their values and verdict; keeps nothing, feeds the chain.
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
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    JSONExtract(raw, 'Tuple(event_id Nullable(UUID), event_timestamp Nullable(String), event_type Nullable(String), click_id Nullable(UUID), browser_name Nullable(String), browser_language Nullable(String), browser_user_agent Nullable(String))') AS x,
    countSubstrings(raw, '":') AS colons,
    countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
FROM ops.browser_landing;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_check TO ops.browser_checked AS
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x,
    ifNull(
        length(raw) <= 1000000
        AND colons = (colons - strings) + isNotNull(x.event_id) + isNotNull(x.event_timestamp) + isNotNull(x.event_type) + isNotNull(x.click_id) + isNotNull(x.browser_name) + isNotNull(x.browser_language) + isNotNull(x.browser_user_agent)
        AND NOT multiSearchAny(raw, ['" ', '"\t', '"\n', '"\r'])
        AND ((colons - strings) = 0 OR ((colons - strings) = countSubstrings(raw, '":null') + countSubstrings(raw, '": null') AND arrayAll(n -> n IN ('event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'), JSONExtractKeys(raw))))
        AND isNotNull(x.event_id)
        AND length(x.event_timestamp) BETWEEN 19 AND 26
        AND length(x.event_timestamp) != 20
        AND startsWith(toString(toDateTime64OrNull(x.event_timestamp, 6, 'UTC')), x.event_timestamp)
        AND toDateTime64OrNull(x.event_timestamp, 6, 'UTC') >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC')
        AND toDateTime64OrNull(x.event_timestamp, 6, 'UTC') < toDateTime64('2299-01-01 00:00:00', 6, 'UTC')
        AND toDateTime64OrNull(x.event_timestamp, 6, 'UTC') <= kafka_time + INTERVAL 1 DAY
        AND x.event_type != ''
        AND isNotNull(x.click_id),
        0) AS usual,
    if(usual, [], JSONExtractKeys(raw)) AS names,
    if(usual, [], [
        JSONExtractRaw(raw, 'event_id'),
        JSONExtractRaw(raw, 'event_timestamp'),
        JSONExtractRaw(raw, 'event_type'),
        JSONExtractRaw(raw, 'click_id'),
        JSONExtractRaw(raw, 'browser_name'),
        JSONExtractRaw(raw, 'browser_language'),
        JSONExtractRaw(raw, 'browser_user_agent')
    ]) AS given
FROM ops.browser_parsed;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_judge TO ops.browser_judged AS
WITH if(usual, ('', '', ''), multiIf(
        length(raw) > 1000000, ('too_large', '', 'over 1000000 bytes'),
        empty(names) AND NOT isValidJSON(raw), ('invalid_json', '', 'not one JSON value in UTF-8'),
        empty(names) AND JSONType(raw) != 'Object', ('not_an_object', '', 'not a JSON object'),
        has(names, 'headwater_heartbeat'), ('heartbeat', '', ''),
        given[1] IN ('', 'null', '""'), ('missing_field', 'event_id', 'absent, null or empty'),
        NOT given[1] IN ('', 'null', '""') AND NOT match(given[1], '^"'), ('wrong_type', 'event_id', concat('expected a UUID, got ', transform(substring(given[1], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[1] IN ('', 'null', '""') AND NOT match(given[1], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), ('wrong_type', 'event_id', 'expected a UUID, got other text'),
        given[2] IN ('', 'null', '""'), ('missing_field', 'event_timestamp', 'absent, null or empty'),
        NOT given[2] IN ('', 'null', '""') AND NOT match(given[2], '^"'), ('wrong_type', 'event_timestamp', concat('expected a time, got ', transform(substring(given[2], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[2] IN ('', 'null', '""') AND ifNull(NOT match(x.event_timestamp, '^(?:[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)$'), 1), ('wrong_type', 'event_timestamp', 'expected a time like 2026-01-31 23:59:59.123456'),
        NOT given[2] IN ('', 'null', '""') AND ifNull(NOT (substring(x.event_timestamp, 1, 4) >= '1970' AND substring(x.event_timestamp, 1, 4) < '2299'), 1), ('implausible_time', 'event_timestamp', 'the year is not between 1970 and 2298'),
        NOT given[2] IN ('', 'null', '""') AND ifNull(NOT startsWith(toString(toDateTime64OrNull(concat(substring(x.event_timestamp, 1, 10), ' ', substring(x.event_timestamp, 12, 8)), 6, 'UTC')), concat(substring(x.event_timestamp, 1, 10), ' ', substring(x.event_timestamp, 12, 8))), 1), ('wrong_type', 'event_timestamp', 'the month has no such day'),
        NOT given[2] IN ('', 'null', '""') AND ifNull(toDateTime64OrNull(concat(substring(x.event_timestamp, 1, 10), ' ', substring(x.event_timestamp, 12, 8), extract(x.event_timestamp, '[.][0-9]+')), 6, 'UTC') - toIntervalMinute(if(length(x.event_timestamp) > 22, (toInt32OrZero(substring(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), 2, 2)) * 60 + toInt32OrZero(right(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), 2))) * if(startsWith(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), '-'), -1, 1), 0)) < toDateTime64('2000-01-01 00:00:00', 6, 'UTC'), 1), ('implausible_time', 'event_timestamp', 'before 2000-01-01'),
        NOT given[2] IN ('', 'null', '""') AND ifNull(toDateTime64OrNull(concat(substring(x.event_timestamp, 1, 10), ' ', substring(x.event_timestamp, 12, 8), extract(x.event_timestamp, '[.][0-9]+')), 6, 'UTC') - toIntervalMinute(if(length(x.event_timestamp) > 22, (toInt32OrZero(substring(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), 2, 2)) * 60 + toInt32OrZero(right(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), 2))) * if(startsWith(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), '-'), -1, 1), 0)) > kafka_time + INTERVAL 1 DAY, 1), ('implausible_time', 'event_timestamp', 'more than a day after the message'),
        given[3] IN ('', 'null', '""'), ('missing_field', 'event_type', 'absent, null or empty'),
        NOT given[3] IN ('', 'null', '""') AND NOT match(given[3], '^"'), ('wrong_type', 'event_type', concat('expected a string, got ', transform(substring(given[3], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        given[4] IN ('', 'null', '""'), ('missing_field', 'click_id', 'absent, null or empty'),
        NOT given[4] IN ('', 'null', '""') AND NOT match(given[4], '^"'), ('wrong_type', 'click_id', concat('expected a UUID, got ', transform(substring(given[4], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[4] IN ('', 'null', '""') AND NOT match(given[4], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), ('wrong_type', 'click_id', 'expected a UUID, got other text'),
        NOT given[5] IN ('', 'null', '""') AND NOT match(given[5], '^"'), ('wrong_type', 'browser_name', concat('expected a string, got ', transform(substring(given[5], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[6] IN ('', 'null', '""') AND NOT match(given[6], '^"'), ('wrong_type', 'browser_language', concat('expected a string, got ', transform(substring(given[6], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[7] IN ('', 'null', '""') AND NOT match(given[7], '^"'), ('wrong_type', 'browser_user_agent', concat('expected a string, got ', transform(substring(given[7], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        ('', '', ''))) AS judged
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    ifNull(x.event_id, toUUID('00000000-0000-0000-0000-000000000000')) AS event_id,
    ifNull(if(usual, toDateTime64OrNull(x.event_timestamp, 6, 'UTC'), toDateTime64OrNull(concat(substring(x.event_timestamp, 1, 10), ' ', substring(x.event_timestamp, 12, 8), extract(x.event_timestamp, '[.][0-9]+')), 6, 'UTC') - toIntervalMinute(if(length(x.event_timestamp) > 22, (toInt32OrZero(substring(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), 2, 2)) * 60 + toInt32OrZero(right(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), 2))) * if(startsWith(extract(x.event_timestamp, '[+-][0-9]{2}:?[0-9]{2}$'), '-'), -1, 1), 0))), toDateTime64(0, 6, 'UTC')) AS event_timestamp,
    ifNull(x.event_type, '') AS event_type,
    ifNull(x.click_id, toUUID('00000000-0000-0000-0000-000000000000')) AS click_id,
    ifNull(x.browser_name, '') AS browser_name,
    ifNull(x.browser_language, '') AS browser_language,
    ifNull(x.browser_user_agent, '') AS browser_user_agent,
    if(usual, 0, length(arrayDistinct(arrayFilter(n -> n NOT IN ('event_id', 'event_timestamp', 'event_type', 'click_id', 'browser_name', 'browser_language', 'browser_user_agent'), names)))) AS unknown_fields,
    judged.1 AS verdict,
    judged.2 AS field,
    judged.3 AS detail
FROM ops.browser_checked;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.browser_to_staging TO analytics.events_browser_raw AS
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

-- One row per accepted message of device_events.
CREATE TABLE IF NOT EXISTS analytics.events_device_raw
(
    click_id UUID COMMENT 'Links to the browser events.',
    os LowCardinality(String) COMMENT 'Operating system with version.',
    os_name LowCardinality(String) COMMENT 'Operating system.',
    os_timezone LowCardinality(String) COMMENT 'Time zone set on the device.',
    device_type LowCardinality(String) COMMENT 'Kind of device, such as Mobile or Desktop.',
    device_is_mobile Nullable(Bool) COMMENT 'Whether the device is mobile.',
    user_custom_id String COMMENT 'The user\'s e-mail address.',
    user_domain_id UUID COMMENT 'The user.',
    unknown_fields UInt32 COMMENT 'Fields of the message that the contract does not name',
    topic       LowCardinality(String),
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1;

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

-- The same messages with their fields; keeps nothing, feeds the chain.
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
    x Tuple(click_id Nullable(UUID), os Nullable(String), os_name Nullable(String), os_timezone Nullable(String), device_type Nullable(String), device_is_mobile Nullable(Bool), user_custom_id Nullable(String), user_domain_id Nullable(UUID)),
    colons UInt64,
    strings UInt64
)
ENGINE = Null;

-- The same messages, and the raw values of those that are not plainly valid; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.device_checked
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    x Tuple(click_id Nullable(UUID), os Nullable(String), os_name Nullable(String), os_timezone Nullable(String), device_type Nullable(String), device_is_mobile Nullable(Bool), user_custom_id Nullable(String), user_domain_id Nullable(UUID)),
    usual UInt8,
    names Array(String),
    given Array(String)
)
ENGINE = Null;

-- The same messages with their values and verdict; keeps nothing, feeds the chain.
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
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    JSONExtract(raw, 'Tuple(click_id Nullable(UUID), os Nullable(String), os_name Nullable(String), os_timezone Nullable(String), device_type Nullable(String), device_is_mobile Nullable(Bool), user_custom_id Nullable(String), user_domain_id Nullable(UUID))') AS x,
    countSubstrings(raw, '":') AS colons,
    countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
FROM ops.device_landing;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_check TO ops.device_checked AS
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x,
    ifNull(
        length(raw) <= 1000000
        AND colons = (colons - strings - isNotNull(x.device_is_mobile)) + isNotNull(x.click_id) + isNotNull(x.os) + isNotNull(x.os_name) + isNotNull(x.os_timezone) + isNotNull(x.device_type) + isNotNull(x.device_is_mobile) + isNotNull(x.user_custom_id) + isNotNull(x.user_domain_id)
        AND multiSearchAny(raw, ['"device_is_mobile":true', '"device_is_mobile":false', '"device_is_mobile": true', '"device_is_mobile": false']) = isNotNull(x.device_is_mobile)
        AND NOT multiSearchAny(raw, ['" ', '"\t', '"\n', '"\r'])
        AND ((colons - strings - isNotNull(x.device_is_mobile)) = 0 OR ((colons - strings - isNotNull(x.device_is_mobile)) = countSubstrings(raw, '":null') + countSubstrings(raw, '": null') AND arrayAll(n -> n IN ('click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'), JSONExtractKeys(raw))))
        AND isNotNull(x.click_id)
        AND isNotNull(x.user_domain_id),
        0) AS usual,
    if(usual, [], JSONExtractKeys(raw)) AS names,
    if(usual, [], [
        JSONExtractRaw(raw, 'click_id'),
        JSONExtractRaw(raw, 'os'),
        JSONExtractRaw(raw, 'os_name'),
        JSONExtractRaw(raw, 'os_timezone'),
        JSONExtractRaw(raw, 'device_type'),
        JSONExtractRaw(raw, 'device_is_mobile'),
        JSONExtractRaw(raw, 'user_custom_id'),
        JSONExtractRaw(raw, 'user_domain_id')
    ]) AS given
FROM ops.device_parsed;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_judge TO ops.device_judged AS
WITH if(usual, ('', '', ''), multiIf(
        length(raw) > 1000000, ('too_large', '', 'over 1000000 bytes'),
        empty(names) AND NOT isValidJSON(raw), ('invalid_json', '', 'not one JSON value in UTF-8'),
        empty(names) AND JSONType(raw) != 'Object', ('not_an_object', '', 'not a JSON object'),
        has(names, 'headwater_heartbeat'), ('heartbeat', '', ''),
        given[1] IN ('', 'null', '""'), ('missing_field', 'click_id', 'absent, null or empty'),
        NOT given[1] IN ('', 'null', '""') AND NOT match(given[1], '^"'), ('wrong_type', 'click_id', concat('expected a UUID, got ', transform(substring(given[1], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[1] IN ('', 'null', '""') AND NOT match(given[1], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), ('wrong_type', 'click_id', 'expected a UUID, got other text'),
        NOT given[2] IN ('', 'null', '""') AND NOT match(given[2], '^"'), ('wrong_type', 'os', concat('expected a string, got ', transform(substring(given[2], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[3] IN ('', 'null', '""') AND NOT match(given[3], '^"'), ('wrong_type', 'os_name', concat('expected a string, got ', transform(substring(given[3], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[4] IN ('', 'null', '""') AND NOT match(given[4], '^"'), ('wrong_type', 'os_timezone', concat('expected a string, got ', transform(substring(given[4], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[5] IN ('', 'null', '""') AND NOT match(given[5], '^"'), ('wrong_type', 'device_type', concat('expected a string, got ', transform(substring(given[5], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[6] IN ('', 'null', '""') AND NOT match(given[6], '^[tf]'), ('wrong_type', 'device_is_mobile', concat('expected true or false, got ', transform(substring(given[6], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[7] IN ('', 'null', '""') AND NOT match(given[7], '^"'), ('wrong_type', 'user_custom_id', concat('expected a string, got ', transform(substring(given[7], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        given[8] IN ('', 'null', '""'), ('missing_field', 'user_domain_id', 'absent, null or empty'),
        NOT given[8] IN ('', 'null', '""') AND NOT match(given[8], '^"'), ('wrong_type', 'user_domain_id', concat('expected a UUID, got ', transform(substring(given[8], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[8] IN ('', 'null', '""') AND NOT match(given[8], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), ('wrong_type', 'user_domain_id', 'expected a UUID, got other text'),
        ('', '', ''))) AS judged
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    ifNull(x.click_id, toUUID('00000000-0000-0000-0000-000000000000')) AS click_id,
    ifNull(x.os, '') AS os,
    ifNull(x.os_name, '') AS os_name,
    ifNull(x.os_timezone, '') AS os_timezone,
    ifNull(x.device_type, '') AS device_type,
    if(usual, x.device_is_mobile, multiIf(given[6] = 'true', true, given[6] = 'false', false, NULL)) AS device_is_mobile,
    ifNull(x.user_custom_id, '') AS user_custom_id,
    ifNull(x.user_domain_id, toUUID('00000000-0000-0000-0000-000000000000')) AS user_domain_id,
    if(usual, 0, length(arrayDistinct(arrayFilter(n -> n NOT IN ('click_id', 'os', 'os_name', 'os_timezone', 'device_type', 'device_is_mobile', 'user_custom_id', 'user_domain_id'), names)))) AS unknown_fields,
    judged.1 AS verdict,
    judged.2 AS field,
    judged.3 AS detail
FROM ops.device_checked;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.device_to_staging TO analytics.events_device_raw AS
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

-- One row per accepted message of geo_events.
CREATE TABLE IF NOT EXISTS analytics.events_geo_raw
(
    click_id UUID COMMENT 'Links to the browser events.',
    geo_latitude Nullable(Float64) COMMENT 'Degrees north; a JSON string or number.',
    geo_longitude Nullable(Float64) COMMENT 'Degrees east; a JSON string or number.',
    geo_country LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2 code.',
    geo_timezone LowCardinality(String) COMMENT 'IANA time zone of the place.',
    geo_region_name LowCardinality(String) COMMENT 'Region within the country.',
    ip_address String COMMENT 'Address of the visitor.',
    unknown_fields UInt32 COMMENT 'Fields of the message that the contract does not name',
    topic       LowCardinality(String),
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1;

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

-- The same messages with their fields; keeps nothing, feeds the chain.
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
    x Tuple(click_id Nullable(UUID), geo_latitude Nullable(String), geo_longitude Nullable(String), geo_country Nullable(String), geo_timezone Nullable(String), geo_region_name Nullable(String), ip_address Nullable(String)),
    colons UInt64,
    strings UInt64
)
ENGINE = Null;

-- The same messages, and the raw values of those that are not plainly valid; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.geo_checked
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    x Tuple(click_id Nullable(UUID), geo_latitude Nullable(String), geo_longitude Nullable(String), geo_country Nullable(String), geo_timezone Nullable(String), geo_region_name Nullable(String), ip_address Nullable(String)),
    usual UInt8,
    names Array(String),
    given Array(String)
)
ENGINE = Null;

-- The same messages with their values and verdict; keeps nothing, feeds the chain.
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
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    JSONExtract(raw, 'Tuple(click_id Nullable(UUID), geo_latitude Nullable(String), geo_longitude Nullable(String), geo_country Nullable(String), geo_timezone Nullable(String), geo_region_name Nullable(String), ip_address Nullable(String))') AS x,
    countSubstrings(raw, '":') AS colons,
    countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
FROM ops.geo_landing;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_check TO ops.geo_checked AS
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x,
    ifNull(
        length(raw) <= 1000000
        AND colons = (colons - strings) + isNotNull(x.click_id) + isNotNull(x.geo_latitude) + isNotNull(x.geo_longitude) + isNotNull(x.geo_country) + isNotNull(x.geo_timezone) + isNotNull(x.geo_region_name) + isNotNull(x.ip_address)
        AND NOT multiSearchAny(raw, ['" ', '"\t', '"\n', '"\r'])
        AND ((colons - strings) = 0 OR ((colons - strings) = countSubstrings(raw, '":null') + countSubstrings(raw, '": null') AND arrayAll(n -> n IN ('click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'), JSONExtractKeys(raw))))
        AND isNotNull(x.click_id)
        AND (isNull(x.geo_latitude) OR (match(x.geo_latitude, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND toFloat64OrZero(x.geo_latitude) BETWEEN -90 AND 90))
        AND (isNull(x.geo_longitude) OR (match(x.geo_longitude, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND toFloat64OrZero(x.geo_longitude) BETWEEN -180 AND 180)),
        0) AS usual,
    if(usual, [], JSONExtractKeys(raw)) AS names,
    if(usual, [], [
        JSONExtractRaw(raw, 'click_id'),
        JSONExtractRaw(raw, 'geo_latitude'),
        JSONExtractRaw(raw, 'geo_longitude'),
        JSONExtractRaw(raw, 'geo_country'),
        JSONExtractRaw(raw, 'geo_timezone'),
        JSONExtractRaw(raw, 'geo_region_name'),
        JSONExtractRaw(raw, 'ip_address')
    ]) AS given
FROM ops.geo_parsed;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_judge TO ops.geo_judged AS
WITH if(usual, ('', '', ''), multiIf(
        length(raw) > 1000000, ('too_large', '', 'over 1000000 bytes'),
        empty(names) AND NOT isValidJSON(raw), ('invalid_json', '', 'not one JSON value in UTF-8'),
        empty(names) AND JSONType(raw) != 'Object', ('not_an_object', '', 'not a JSON object'),
        has(names, 'headwater_heartbeat'), ('heartbeat', '', ''),
        given[1] IN ('', 'null', '""'), ('missing_field', 'click_id', 'absent, null or empty'),
        NOT given[1] IN ('', 'null', '""') AND NOT match(given[1], '^"'), ('wrong_type', 'click_id', concat('expected a UUID, got ', transform(substring(given[1], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[1] IN ('', 'null', '""') AND NOT match(given[1], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), ('wrong_type', 'click_id', 'expected a UUID, got other text'),
        NOT given[2] IN ('', 'null', '""') AND NOT match(given[2], '^["0-9-]'), ('wrong_type', 'geo_latitude', concat('expected a number, got ', transform(substring(given[2], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[2] IN ('', 'null', '""') AND startsWith(given[2], '"') AND NOT ifNull(match(x.geo_latitude, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND isFinite(toFloat64OrZero(x.geo_latitude)), 0), ('wrong_type', 'geo_latitude', 'expected a number, got other text'),
        NOT given[2] IN ('', 'null', '""') AND NOT ifNull(toFloat64OrNull(x.geo_latitude) BETWEEN -90 AND 90, 0), ('out_of_range', 'geo_latitude', 'not between -90 and 90'),
        NOT given[3] IN ('', 'null', '""') AND NOT match(given[3], '^["0-9-]'), ('wrong_type', 'geo_longitude', concat('expected a number, got ', transform(substring(given[3], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[3] IN ('', 'null', '""') AND startsWith(given[3], '"') AND NOT ifNull(match(x.geo_longitude, '^(?:[+-]?[0-9]{1,15}(?:\\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?)$') AND isFinite(toFloat64OrZero(x.geo_longitude)), 0), ('wrong_type', 'geo_longitude', 'expected a number, got other text'),
        NOT given[3] IN ('', 'null', '""') AND NOT ifNull(toFloat64OrNull(x.geo_longitude) BETWEEN -180 AND 180, 0), ('out_of_range', 'geo_longitude', 'not between -180 and 180'),
        NOT given[4] IN ('', 'null', '""') AND NOT match(given[4], '^"'), ('wrong_type', 'geo_country', concat('expected a string, got ', transform(substring(given[4], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[5] IN ('', 'null', '""') AND NOT match(given[5], '^"'), ('wrong_type', 'geo_timezone', concat('expected a string, got ', transform(substring(given[5], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[6] IN ('', 'null', '""') AND NOT match(given[6], '^"'), ('wrong_type', 'geo_region_name', concat('expected a string, got ', transform(substring(given[6], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[7] IN ('', 'null', '""') AND NOT match(given[7], '^"'), ('wrong_type', 'ip_address', concat('expected a string, got ', transform(substring(given[7], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        ('', '', ''))) AS judged
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    ifNull(x.click_id, toUUID('00000000-0000-0000-0000-000000000000')) AS click_id,
    toFloat64OrNull(x.geo_latitude) AS geo_latitude,
    toFloat64OrNull(x.geo_longitude) AS geo_longitude,
    ifNull(x.geo_country, '') AS geo_country,
    ifNull(x.geo_timezone, '') AS geo_timezone,
    ifNull(x.geo_region_name, '') AS geo_region_name,
    ifNull(x.ip_address, '') AS ip_address,
    if(usual, 0, length(arrayDistinct(arrayFilter(n -> n NOT IN ('click_id', 'geo_latitude', 'geo_longitude', 'geo_country', 'geo_timezone', 'geo_region_name', 'ip_address'), names)))) AS unknown_fields,
    judged.1 AS verdict,
    judged.2 AS field,
    judged.3 AS detail
FROM ops.geo_checked;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_to_staging TO analytics.events_geo_raw AS
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

-- One row per accepted message of location_events.
CREATE TABLE IF NOT EXISTS analytics.events_location_raw
(
    event_id UUID COMMENT 'The browser event it belongs to, one to one.',
    page_url String COMMENT 'Address of the page.',
    page_url_path String COMMENT 'Path of the page: `/confirmation` is a purchase, `/product_*` are product pages.',
    referer_url String COMMENT 'Address of the page before.',
    referer_medium LowCardinality(String) COMMENT 'Kind of the page before, such as internal or search.',
    utm_medium LowCardinality(String) COMMENT 'Campaign medium.',
    utm_source LowCardinality(String) COMMENT 'Campaign source.',
    utm_content LowCardinality(String) COMMENT 'Campaign content.',
    utm_campaign LowCardinality(String) COMMENT 'Campaign name.',
    unknown_fields UInt32 COMMENT 'Fields of the message that the contract does not name',
    topic       LowCardinality(String),
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1;

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

-- The same messages with their fields; keeps nothing, feeds the chain.
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
    x Tuple(event_id Nullable(UUID), page_url Nullable(String), page_url_path Nullable(String), referer_url Nullable(String), referer_medium Nullable(String), utm_medium Nullable(String), utm_source Nullable(String), utm_content Nullable(String), utm_campaign Nullable(String)),
    colons UInt64,
    strings UInt64
)
ENGINE = Null;

-- The same messages, and the raw values of those that are not plainly valid; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.location_checked
(
    raw         String,
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    x Tuple(event_id Nullable(UUID), page_url Nullable(String), page_url_path Nullable(String), referer_url Nullable(String), referer_medium Nullable(String), utm_medium Nullable(String), utm_source Nullable(String), utm_content Nullable(String), utm_campaign Nullable(String)),
    usual UInt8,
    names Array(String),
    given Array(String)
)
ENGINE = Null;

-- The same messages with their values and verdict; keeps nothing, feeds the chain.
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
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line,
    JSONExtract(raw, 'Tuple(event_id Nullable(UUID), page_url Nullable(String), page_url_path Nullable(String), referer_url Nullable(String), referer_medium Nullable(String), utm_medium Nullable(String), utm_source Nullable(String), utm_content Nullable(String), utm_campaign Nullable(String))') AS x,
    countSubstrings(raw, '":') AS colons,
    countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
FROM ops.location_landing;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_check TO ops.location_checked AS
SELECT
    raw, epoch, partition, offset, kafka_time, ingested_at, origin, origin_line, x,
    ifNull(
        length(raw) <= 1000000
        AND colons = (colons - strings) + isNotNull(x.event_id) + isNotNull(x.page_url) + isNotNull(x.page_url_path) + isNotNull(x.referer_url) + isNotNull(x.referer_medium) + isNotNull(x.utm_medium) + isNotNull(x.utm_source) + isNotNull(x.utm_content) + isNotNull(x.utm_campaign)
        AND NOT multiSearchAny(raw, ['" ', '"\t', '"\n', '"\r'])
        AND ((colons - strings) = 0 OR ((colons - strings) = countSubstrings(raw, '":null') + countSubstrings(raw, '": null') AND arrayAll(n -> n IN ('event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'), JSONExtractKeys(raw))))
        AND isNotNull(x.event_id)
        AND x.page_url_path != '',
        0) AS usual,
    if(usual, [], JSONExtractKeys(raw)) AS names,
    if(usual, [], [
        JSONExtractRaw(raw, 'event_id'),
        JSONExtractRaw(raw, 'page_url'),
        JSONExtractRaw(raw, 'page_url_path'),
        JSONExtractRaw(raw, 'referer_url'),
        JSONExtractRaw(raw, 'referer_medium'),
        JSONExtractRaw(raw, 'utm_medium'),
        JSONExtractRaw(raw, 'utm_source'),
        JSONExtractRaw(raw, 'utm_content'),
        JSONExtractRaw(raw, 'utm_campaign')
    ]) AS given
FROM ops.location_parsed;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_judge TO ops.location_judged AS
WITH if(usual, ('', '', ''), multiIf(
        length(raw) > 1000000, ('too_large', '', 'over 1000000 bytes'),
        empty(names) AND NOT isValidJSON(raw), ('invalid_json', '', 'not one JSON value in UTF-8'),
        empty(names) AND JSONType(raw) != 'Object', ('not_an_object', '', 'not a JSON object'),
        has(names, 'headwater_heartbeat'), ('heartbeat', '', ''),
        given[1] IN ('', 'null', '""'), ('missing_field', 'event_id', 'absent, null or empty'),
        NOT given[1] IN ('', 'null', '""') AND NOT match(given[1], '^"'), ('wrong_type', 'event_id', concat('expected a UUID, got ', transform(substring(given[1], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[1] IN ('', 'null', '""') AND NOT match(given[1], '^(?:"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})")$'), ('wrong_type', 'event_id', 'expected a UUID, got other text'),
        NOT given[2] IN ('', 'null', '""') AND NOT match(given[2], '^"'), ('wrong_type', 'page_url', concat('expected a string, got ', transform(substring(given[2], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        given[3] IN ('', 'null', '""'), ('missing_field', 'page_url_path', 'absent, null or empty'),
        NOT given[3] IN ('', 'null', '""') AND NOT match(given[3], '^"'), ('wrong_type', 'page_url_path', concat('expected a string, got ', transform(substring(given[3], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[4] IN ('', 'null', '""') AND NOT match(given[4], '^"'), ('wrong_type', 'referer_url', concat('expected a string, got ', transform(substring(given[4], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[5] IN ('', 'null', '""') AND NOT match(given[5], '^"'), ('wrong_type', 'referer_medium', concat('expected a string, got ', transform(substring(given[5], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[6] IN ('', 'null', '""') AND NOT match(given[6], '^"'), ('wrong_type', 'utm_medium', concat('expected a string, got ', transform(substring(given[6], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[7] IN ('', 'null', '""') AND NOT match(given[7], '^"'), ('wrong_type', 'utm_source', concat('expected a string, got ', transform(substring(given[7], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[8] IN ('', 'null', '""') AND NOT match(given[8], '^"'), ('wrong_type', 'utm_content', concat('expected a string, got ', transform(substring(given[8], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        NOT given[9] IN ('', 'null', '""') AND NOT match(given[9], '^"'), ('wrong_type', 'utm_campaign', concat('expected a string, got ', transform(substring(given[9], 1, 1), ['"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'))),
        ('', '', ''))) AS judged
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
    if(usual, 0, length(arrayDistinct(arrayFilter(n -> n NOT IN ('event_id', 'page_url', 'page_url_path', 'referer_url', 'referer_medium', 'utm_medium', 'utm_source', 'utm_content', 'utm_campaign'), names)))) AS unknown_fields,
    judged.1 AS verdict,
    judged.2 AS field,
    judged.3 AS detail
FROM ops.location_checked;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.location_to_staging TO analytics.events_location_raw AS
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
