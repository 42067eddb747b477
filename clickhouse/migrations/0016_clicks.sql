-- Clicks on products, counted in windows of time.

-- One row per accepted message of aggregation_clicks. Kept: it is small, and there is no other copy. Windows come nearly
-- in the order of time, so that a range of time is a range of the table.
CREATE TABLE IF NOT EXISTS analytics.aggregation_clicks_raw
(
    product_id UInt32 COMMENT 'The product.',
    count UInt32 COMMENT 'Clicks of the window that this message counts.',
    timestamp UInt64 COMMENT 'Start of the window, in Unix seconds.',
    unknown_fields UInt32 COMMENT 'Fields of the message that the contract does not name',
    topic       LowCardinality(String),
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1)),
    INDEX by_time timestamp TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1;

-- One row per product and window: the clicks of the window.
CREATE VIEW IF NOT EXISTS analytics.product_clicks
(
    product_id UInt32,
    count      UInt32,
    timestamp  UInt64
) AS
SELECT product_id, toUInt32(sum(c.count)) AS count, timestamp
FROM analytics.aggregation_clicks_raw AS c
GROUP BY product_id, timestamp;
