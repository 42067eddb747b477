-- Corrections, closed days and what they need: plans of several kinds, a book of incomplete facts, and work sheets.

ALTER TABLE ops.plans ADD COLUMN IF NOT EXISTS kind LowCardinality(String) DEFAULT 'build' COMMENT 'build, correct, rebuild or retire: what the plan does';

ALTER TABLE ops.plans ADD COLUMN IF NOT EXISTS days Array(Date) COMMENT 'Days that a plan rebuilds or retires; empty for builds';

ALTER TABLE ops.plans ADD COLUMN IF NOT EXISTS ids Array(UUID) COMMENT 'Events that were found to stand twice';

ALTER TABLE ops.plans ADD COLUMN IF NOT EXISTS pieces UInt32 DEFAULT 1 COMMENT 'Inserts that the work sheet of a correction is made by';

ALTER TABLE ops.plans_done ADD COLUMN IF NOT EXISTS closed UInt64 COMMENT 'Events that came for a retired day and went to the quarantine';

ALTER TABLE ops.plans_done ADD COLUMN IF NOT EXISTS corrected UInt64 COMMENT 'Facts that got a part they had lacked, or that differed from staging';

ALTER TABLE ops.plans_done ADD COLUMN IF NOT EXISTS added UInt64 COMMENT 'Facts that were lost and came back from staging';

ALTER TABLE ops.plans_done ADD COLUMN IF NOT EXISTS removed UInt64 COMMENT 'Facts taken out because an earlier one has their id';

ALTER TABLE ops.plans_done ADD COLUMN IF NOT EXISTS retired UInt64 COMMENT 'Facts of the days that the plan retired';

ALTER TABLE ops.matched MODIFY COLUMN action Enum8('fact' = 1, 'repeat' = 2, 'conflict' = 3, 'wait' = 4, 'closed' = 5);

ALTER TABLE ops.quarantine ADD COLUMN IF NOT EXISTS build UInt64 COMMENT 'The plan that had built it as a fact before it was taken out; 0 where it never was one';

-- One row per fact that lacks a part, rebuilt together with the facts of its day. A row of build 0 keeps a day that has none.
CREATE TABLE IF NOT EXISTS ops.incomplete
(
    event_id        UUID,
    event_timestamp DateTime64(6, 'UTC'),
    click_id        UUID,
    build           UInt64,
    lacks_device    Bool,
    lacks_geo       Bool,
    lacks_location  Bool
)
ENGINE = MergeTree
PARTITION BY toDate(event_timestamp)
ORDER BY event_id
SETTINGS non_replicated_deduplication_window = 1000000;

-- Facts that were incomplete before this book began.
INSERT INTO ops.incomplete
SELECT event_id, event_timestamp, click_id, build, isNull(user_domain_id), isNull(geo_id), page_url_path = ''
FROM analytics.fact_events
WHERE NOT is_complete AND (build, event_id) NOT IN (SELECT build, event_id FROM ops.incomplete)
SETTINGS max_partitions_per_insert_block = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS ops.incomplete_mv TO ops.incomplete AS
SELECT
    event_id, event_timestamp, click_id, build,
    isNull(user_domain_id) AS lacks_device,
    isNull(geo_id)         AS lacks_geo,
    page_url_path = ''     AS lacks_location
FROM analytics.fact_events
WHERE NOT is_complete;

-- One row per day and build that brought parts for incomplete facts of the day, and one without events per build.
CREATE TABLE IF NOT EXISTS ops.arrivals
(
    plan   UInt64,
    day    Date,
    events UInt64 COMMENT 'Facts of the day that can get a part; 0 in the row that closes the plan'
)
ENGINE = MergeTree
ORDER BY (plan, day)
SETTINGS non_replicated_deduplication_window = 1000000;

-- What a correction changes: the work sheet of one plan, dropped two plans later. The columns after day are those of the facts.
CREATE TABLE IF NOT EXISTS ops.corrections
(
    plan               UInt64,
    action             Enum8('put' = 1, 'add' = 2, 'remove' = 3, 'end' = 4) COMMENT 'put: stands in the place of the fact; end: one row that closes a piece of the sheet',
    day                Date,
    event_id           UUID,
    event_timestamp    DateTime64(6, 'UTC'),
    event_type         LowCardinality(String),
    click_id           UUID,
    browser_name       LowCardinality(String),
    browser_language   LowCardinality(String),
    browser_user_agent String,
    os                 LowCardinality(String),
    os_name            LowCardinality(String),
    os_timezone        LowCardinality(String),
    device_type        LowCardinality(String),
    device_is_mobile   Nullable(Bool),
    user_custom_id     String,
    user_domain_id     Nullable(UUID),
    geo_latitude       Nullable(Float64),
    geo_longitude      Nullable(Float64),
    geo_country        LowCardinality(String),
    geo_timezone       LowCardinality(String),
    geo_region_name    LowCardinality(String),
    ip_address         String,
    page_url           String,
    page_url_path      String,
    referer_url        String,
    referer_medium     LowCardinality(String),
    utm_medium         LowCardinality(String),
    utm_source         LowCardinality(String),
    utm_content        LowCardinality(String),
    utm_campaign       LowCardinality(String),
    geo_id             Nullable(UInt64),
    created_at         DateTime64(3, 'UTC'),
    build              UInt64,
    is_complete        Bool,
    source_object      LowCardinality(String),
    content_hash       UInt64
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY (action, day, event_id)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per day whose facts were retired: what comes for it is counted and kept out.
CREATE TABLE IF NOT EXISTS ops.closed_days
(
    day       Date,
    plan      UInt64 COMMENT 'The plan that retired it',
    facts     UInt64 COMMENT 'Facts that it held',
    closed_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (day, plan)
SETTINGS non_replicated_deduplication_window = 1000000;
