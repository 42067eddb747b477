-- Facts, what waits for them, and what is derived from them in the same insert.

-- One row per event.
CREATE TABLE IF NOT EXISTS analytics.fact_events
(
    event_id           UUID,
    event_timestamp    DateTime64(6, 'UTC'),
    event_date         Date MATERIALIZED toDate(event_timestamp),
    event_type         LowCardinality(String),
    click_id           UUID,
    browser_name       LowCardinality(String),
    browser_language   LowCardinality(String),
    browser_user_agent String CODEC(ZSTD(1)),
    os                 LowCardinality(String),
    os_name            LowCardinality(String),
    os_timezone        LowCardinality(String),
    device_type        LowCardinality(String),
    device_is_mobile   Nullable(Bool),
    user_custom_id     String CODEC(ZSTD(1)),
    user_domain_id     Nullable(UUID),
    geo_latitude       Nullable(Float64),
    geo_longitude      Nullable(Float64),
    geo_country        LowCardinality(String),
    geo_timezone       LowCardinality(String),
    geo_region_name    LowCardinality(String),
    ip_address         String CODEC(ZSTD(1)),
    page_url           String CODEC(ZSTD(1)),
    page_url_path      String CODEC(ZSTD(1)),
    referer_url        String CODEC(ZSTD(1)),
    referer_medium     LowCardinality(String),
    utm_medium         LowCardinality(String),
    utm_source         LowCardinality(String),
    utm_content        LowCardinality(String),
    utm_campaign       LowCardinality(String),
    geo_id             Nullable(UInt64) COMMENT 'Key of dim_geo; NULL where the geo part is missing',
    created_at         DateTime64(3, 'UTC') COMMENT 'When the fact was first built: as_of of its plan',
    build              UInt64 COMMENT 'Number of the plan that built it',
    is_complete        Bool COMMENT 'Location, device and geo part were all there',
    source_object      LowCardinality(String) COMMENT 'File or object the browser event came from; empty for streams',
    content_hash       UInt64 COMMENT 'Hash of the browser part, to tell an equal repeat from a conflict',
    INDEX event_id_bloom event_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(event_timestamp)
ORDER BY (toStartOfHour(event_timestamp), event_id)
SETTINGS non_replicated_deduplication_window = 1000000;

-- First device row and first geo row of every click_id (personal data).
CREATE TABLE IF NOT EXISTS ops.visits
(
    click_id         UUID,
    part             Enum8('device' = 1, 'geo' = 2),
    os               LowCardinality(String),
    os_name          LowCardinality(String),
    os_timezone      LowCardinality(String),
    device_type      LowCardinality(String),
    device_is_mobile Nullable(Bool),
    user_custom_id   String,
    user_domain_id   Nullable(UUID),
    geo_latitude     Nullable(Float64),
    geo_longitude    Nullable(Float64),
    geo_country      LowCardinality(String),
    geo_timezone     LowCardinality(String),
    geo_region_name  LowCardinality(String),
    ip_address       String,
    first_seen_at    DateTime64(3, 'UTC') COMMENT 'Kafka time of the row that stands here',
    plan             UInt64 COMMENT 'The plan that brought it'
)
ENGINE = MergeTree
ORDER BY (click_id, part)
SETTINGS non_replicated_deduplication_window = 1000000;

-- What every browser event of a plan came to: the work sheet of one build, dropped two plans later.
CREATE TABLE IF NOT EXISTS ops.matched
(
    plan            UInt64,
    action          Enum8('fact' = 1, 'repeat' = 2, 'conflict' = 3, 'wait' = 4),
    waited          Bool COMMENT 'It came from the waiting set',
    topic           LowCardinality(String),
    epoch           UUID,
    partition       UInt32,
    offset          UInt64,
    kafka_time      DateTime64(3, 'UTC'),
    ingested_at     DateTime64(3, 'UTC'),
    event_id        UUID,
    event_timestamp DateTime64(6, 'UTC'),
    event_type      LowCardinality(String),
    click_id        UUID,
    browser_name       LowCardinality(String),
    browser_language   LowCardinality(String),
    browser_user_agent String,
    has_device      Bool,
    os                 LowCardinality(String),
    os_name            LowCardinality(String),
    os_timezone        LowCardinality(String),
    device_type        LowCardinality(String),
    device_is_mobile   Nullable(Bool),
    user_custom_id     String,
    user_domain_id     Nullable(UUID),
    has_geo         Bool,
    geo_latitude       Nullable(Float64),
    geo_longitude      Nullable(Float64),
    geo_country        LowCardinality(String),
    geo_timezone       LowCardinality(String),
    geo_region_name    LowCardinality(String),
    ip_address         String,
    has_location    Bool,
    page_url           String,
    page_url_path      String,
    referer_url        String,
    referer_medium     LowCardinality(String),
    utm_medium         LowCardinality(String),
    utm_source         LowCardinality(String),
    utm_content        LowCardinality(String),
    utm_campaign       LowCardinality(String),
    origin          LowCardinality(String),
    origin_line     UInt64,
    content_hash    UInt64
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY (action, toDate(event_timestamp), event_id)
SETTINGS non_replicated_deduplication_window = 1000000;

-- Browser events that wait for a part, and locations that wait for their event; one generation per plan.
CREATE TABLE IF NOT EXISTS ops.waiting
(
    plan            UInt64 COMMENT 'The plan that wrote this generation',
    kind            Enum8('event' = 1, 'location' = 2, 'end' = 3) COMMENT 'end: one row that closes the generation',
    topic           LowCardinality(String),
    epoch           UUID,
    partition       UInt32,
    offset          UInt64,
    kafka_time      DateTime64(3, 'UTC'),
    ingested_at     DateTime64(3, 'UTC'),
    origin          LowCardinality(String),
    origin_line     UInt64,
    event_id        UUID,
    event_timestamp DateTime64(6, 'UTC'),
    event_type      LowCardinality(String),
    click_id        UUID,
    browser_name       LowCardinality(String),
    browser_language   LowCardinality(String),
    browser_user_agent String,
    page_url           String,
    page_url_path      String,
    referer_url        String,
    referer_medium     LowCardinality(String),
    utm_medium         LowCardinality(String),
    utm_source         LowCardinality(String),
    utm_content        LowCardinality(String),
    utm_campaign       LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY (kind, event_id)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per event that was kept out of the facts, with the reason.
CREATE TABLE IF NOT EXISTS ops.quarantine
(
    plan            UInt64,
    reason          LowCardinality(String),
    topic           LowCardinality(String),
    epoch           UUID,
    partition       UInt32,
    offset          UInt64,
    kafka_time      DateTime64(3, 'UTC'),
    event_id        UUID,
    event_timestamp DateTime64(6, 'UTC'),
    event_type      LowCardinality(String),
    click_id        UUID,
    browser_name       LowCardinality(String),
    browser_language   LowCardinality(String),
    browser_user_agent String,
    origin          LowCardinality(String),
    origin_line     UInt64,
    quarantined_at  DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(quarantined_at)
ORDER BY (reason, event_id)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row of states per hour and combination of keys; read with countMerge and uniqMerge.
CREATE TABLE IF NOT EXISTS analytics.agg_events_hourly
(
    event_hour    DateTime('UTC'),
    event_type    LowCardinality(String),
    browser_name  LowCardinality(String),
    device_type   LowCardinality(String),
    geo_country   LowCardinality(String),
    utm_source    LowCardinality(String),
    utm_campaign  LowCardinality(String),
    total_events  AggregateFunction(count),
    unique_users  AggregateFunction(uniq, Nullable(UUID)),
    unique_clicks AggregateFunction(uniq, UUID)
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(event_hour)
ORDER BY (event_hour, event_type, browser_name, device_type, geo_country, utm_source, utm_campaign)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS analytics.agg_events_hourly_mv TO analytics.agg_events_hourly AS
SELECT
    toStartOfHour(toDateTime(event_timestamp, 'UTC')) AS event_hour,
    event_type, browser_name, device_type, geo_country, utm_source, utm_campaign,
    countState()               AS total_events,
    uniqState(user_domain_id)  AS unique_users,
    uniqState(click_id)        AS unique_clicks
FROM analytics.fact_events
GROUP BY event_hour, event_type, browser_name, device_type, geo_country, utm_source, utm_campaign;

-- One row of states per day and traffic source.
CREATE TABLE IF NOT EXISTS analytics.agg_traffic_sources
(
    date            Date,
    utm_source      LowCardinality(String),
    utm_medium      LowCardinality(String),
    utm_campaign    LowCardinality(String),
    utm_content     LowCardinality(String),
    referer_medium  LowCardinality(String),
    total_events    AggregateFunction(count),
    unique_users    AggregateFunction(uniq, Nullable(UUID)),
    unique_sessions AggregateFunction(uniq, UUID)
)
ENGINE = AggregatingMergeTree
PARTITION BY date
ORDER BY (date, utm_source, utm_medium, utm_campaign, utm_content, referer_medium)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS analytics.agg_traffic_sources_mv TO analytics.agg_traffic_sources AS
SELECT
    toDate(event_timestamp) AS date,
    utm_source, utm_medium, utm_campaign, utm_content, referer_medium,
    countState()              AS total_events,
    uniqState(user_domain_id) AS unique_users,
    uniqState(click_id)       AS unique_sessions
FROM analytics.fact_events
GROUP BY date, utm_source, utm_medium, utm_campaign, utm_content, referer_medium;

-- One row of states per day and user: what dim_users is made of, correctable by day.
CREATE TABLE IF NOT EXISTS ops.user_days
(
    date           Date,
    user_domain_id UUID,
    first_seen     SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_seen      SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    total_events   SimpleAggregateFunction(sum, UInt64),
    last_event     AggregateFunction(argMax, Tuple(String, String, String), Tuple(DateTime64(6, 'UTC'), UUID))
)
ENGINE = AggregatingMergeTree
PARTITION BY date
ORDER BY (date, user_domain_id)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.user_days_mv TO ops.user_days AS
SELECT
    toDate(event_timestamp)         AS date,
    assumeNotNull(fact_events.user_domain_id) AS user_domain_id,
    min(event_timestamp)            AS first_seen,
    max(event_timestamp)            AS last_seen,
    toUInt64(count())               AS total_events,
    argMaxState((user_custom_id, toString(device_type), toString(os_name)), (event_timestamp, event_id)) AS last_event
FROM analytics.fact_events
WHERE isNotNull(fact_events.user_domain_id)
GROUP BY date, user_domain_id;

-- One row per known user.
CREATE TABLE IF NOT EXISTS analytics.dim_users
(
    user_domain_id UUID,
    user_custom_id String,
    first_seen     DateTime64(6, 'UTC'),
    last_seen      DateTime64(6, 'UTC'),
    total_events   UInt64,
    device_type    LowCardinality(String) COMMENT 'Of the user''s last event',
    os_name        LowCardinality(String) COMMENT 'Of the user''s last event'
)
ENGINE = MergeTree
ORDER BY user_domain_id;

-- One row per day and place: what dim_geo is made of, correctable by day.
CREATE TABLE IF NOT EXISTS ops.geo_days
(
    date            Date,
    geo_id          UInt64,
    geo_country     LowCardinality(String),
    geo_region_name LowCardinality(String),
    geo_latitude    SimpleAggregateFunction(any, Nullable(Float64)),
    geo_longitude   SimpleAggregateFunction(any, Nullable(Float64)),
    geo_timezone    LowCardinality(String),
    events          SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY date
ORDER BY (date, geo_id, geo_country, geo_region_name, geo_timezone)
SETTINGS non_replicated_deduplication_window = 1000000;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.geo_days_mv TO ops.geo_days AS
SELECT
    toDate(event_timestamp) AS date,
    assumeNotNull(fact_events.geo_id) AS geo_id,
    geo_country, geo_region_name,
    any(fact_events.geo_latitude)  AS geo_latitude,
    any(fact_events.geo_longitude) AS geo_longitude,
    geo_timezone,
    toUInt64(count())              AS events
FROM analytics.fact_events
WHERE isNotNull(fact_events.geo_id)
GROUP BY date, geo_id, geo_country, geo_region_name, geo_timezone;

-- One row per place.
CREATE TABLE IF NOT EXISTS analytics.dim_geo
(
    geo_id          UInt64,
    geo_country     LowCardinality(String),
    geo_region_name LowCardinality(String),
    geo_latitude    Nullable(Float64),
    geo_longitude   Nullable(Float64),
    geo_timezone    LowCardinality(String)
)
ENGINE = MergeTree
ORDER BY geo_id;
