-- What `headwater consume --status` shows beside the books of ingestion.

-- One row per error that ended a member of the consumer group.
CREATE TABLE IF NOT EXISTS ops.consumer_errors
(
    stream      LowCardinality(String),
    member      String COMMENT 'Host and process of the consumer',
    consequence LowCardinality(String) COMMENT 'What follows: retry, fix_settings, stop or unexpected',
    message     String,
    happened_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(happened_at)
ORDER BY (stream, happened_at)
TTL toDateTime(happened_at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 1000000;
