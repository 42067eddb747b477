-- `analytics` is for people and dashboards, `ops` for the platform's own books.

CREATE DATABASE IF NOT EXISTS analytics;

CREATE DATABASE IF NOT EXISTS ops;

-- One row per schema migration that was applied.
CREATE TABLE IF NOT EXISTS ops.migrations
(
    number     UInt32,
    name       String,
    sha256     String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY number
SETTINGS non_replicated_deduplication_window = 100000;
