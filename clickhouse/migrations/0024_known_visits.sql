-- How visits are known again: by when they came and by a short hash, so that a look-up reads little of what is old.

-- The rows of old visits lie apart from those of new ones, which is where a build finds nearly all that it asks for.
DROP TABLE IF EXISTS ops.visits_anew;

CREATE TABLE ops.visits_anew
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
    plan             UInt64 COMMENT 'The plan that brought it',
    origin           LowCardinality(String) COMMENT 'File or object that the row came from; empty for streams',
    click_hash       UInt32 MATERIALIZED toUInt32(cityHash64(click_id)) COMMENT 'What look-ups by click_id read of all rows; computed'
)
ENGINE = MergeTree
ORDER BY (plan, part, click_id)
SETTINGS non_replicated_deduplication_window = 1000000;

-- A plan that was not finished brings its rows again, under tokens that the new table does not know.
INSERT INTO ops.visits_anew
SELECT
    click_id, part, os, os_name, os_timezone, device_type, device_is_mobile, user_custom_id, user_domain_id, geo_latitude,
    geo_longitude, geo_country, geo_timezone, geo_region_name, ip_address, first_seen_at, plan, origin
FROM ops.visits
WHERE plan <= (SELECT max(plan) FROM ops.plans_done);

EXCHANGE TABLES ops.visits_anew AND ops.visits;

DROP TABLE ops.visits_anew;

-- Rows of ops.visits that earlier plans had brought for the click_ids of a plan, and perhaps some more (personal data): a work sheet, dropped with the others.
CREATE TABLE IF NOT EXISTS ops.known_visits
(
    plan             UInt64,
    place            UInt64 COMMENT 'Number of the row in the sheet, from 0 on without a gap',
    is_end           Bool COMMENT 'The last row, which closes the sheet',
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
    ip_address       String
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY (part, click_id)
SETTINGS non_replicated_deduplication_window = 1000000;
