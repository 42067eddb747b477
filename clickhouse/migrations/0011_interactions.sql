-- Interactions: what visitors did on pages, with coordinates and titles.

-- One row per accepted message of interaction_events.
CREATE TABLE IF NOT EXISTS analytics.events_interaction_raw
(
    event_id UUID COMMENT 'The event it belongs to; unique.',
    click_id UUID COMMENT 'Links to the device and geo part.',
    event_type LowCardinality(String) COMMENT 'What was done: `click` and others; an open set.',
    event_title String COMMENT 'Text of the element or title of the page.',
    element_id LowCardinality(String) COMMENT 'Id of the element within its page.',
    x Nullable(Float64) COMMENT 'CSS pixels from the left edge of the page.',
    y Nullable(Float64) COMMENT 'CSS pixels from the top of the page.',
    payload String COMMENT 'The whole payload of the event as JSON text.',
    event_timestamp Nullable(DateTime64(6, 'UTC')) COMMENT 'When it happened; where it is absent, Kafka\'s time counts.' CODEC(Delta, ZSTD(1)),
    page_url_path String COMMENT 'Path of the page it happened on.',
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

-- One row per interaction.
CREATE TABLE IF NOT EXISTS analytics.fact_interactions
(
    event_id        UUID COMMENT 'The event of fact_events that it belongs to',
    event_timestamp DateTime64(6, 'UTC') COMMENT 'When it happened; Kafka\'s time where the message has none',
    event_date      Date MATERIALIZED toDate(event_timestamp),
    event_type      LowCardinality(String),
    click_id        UUID,
    event_title     String CODEC(ZSTD(1)),
    element_id      LowCardinality(String),
    x               Nullable(Float64) COMMENT 'CSS pixels from the left edge of the page',
    y               Nullable(Float64) COMMENT 'CSS pixels from the top of the page',
    page_url_path   String CODEC(ZSTD(1)),
    payload         String COMMENT 'The whole payload as JSON text' CODEC(ZSTD(1)),
    created_at      DateTime64(3, 'UTC') COMMENT 'as_of of the plan that built it',
    build           UInt64 COMMENT 'Number of the plan that built it'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (toDate(event_timestamp), page_url_path, event_id)
TTL toDateTime(created_at) + INTERVAL 365 DAY
SETTINGS non_replicated_deduplication_window = 1000000;
