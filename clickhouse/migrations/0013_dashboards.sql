-- Views that dashboards read beside tables and marts.

-- One row: the newest event, so that an empty range can say where the data ends. No day has to be read for it.
CREATE OR REPLACE VIEW analytics.newest_data AS
SELECT max(event_timestamp) AS newest_event, toDate(newest_event) AS newest_day
FROM analytics.fact_events;

-- One row per first day and number of days since: users seen then, and how many the first day had.
CREATE OR REPLACE VIEW analytics.retention_shares AS
SELECT
    cohort_date,
    day_number,
    users,
    max(if(day_number = 0, users, 0)) OVER (PARTITION BY cohort_date) AS cohort_users
FROM analytics.retention_daily;

-- One row per staged message: when Kafka took it and when it could be asked for.
CREATE OR REPLACE VIEW ops.stream_arrivals AS
SELECT 'browser' AS stream, kafka_time, ingested_at FROM analytics.events_browser_raw
UNION ALL
SELECT 'device' AS stream, kafka_time, ingested_at FROM analytics.events_device_raw
UNION ALL
SELECT 'geo' AS stream, kafka_time, ingested_at FROM analytics.events_geo_raw
UNION ALL
SELECT 'location' AS stream, kafka_time, ingested_at FROM analytics.events_location_raw
UNION ALL
SELECT 'interaction' AS stream, kafka_time, ingested_at FROM analytics.events_interaction_raw;

-- One row per dead letter, and one without a letter for each reason at the present moment: no letter is a zero, not a gap.
CREATE OR REPLACE VIEW ops.dead_letter_counts AS
SELECT ingested_at, stream, reason, field, toUInt64(1) AS letters FROM ops.dead_letters
UNION ALL
SELECT
    toDateTime64(toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE, 3, 'UTC') AS ingested_at,
    '' AS stream,
    arrayJoin(['too_large', 'invalid_json', 'not_an_object', 'missing_field', 'wrong_type', 'out_of_range', 'implausible_time']) AS reason,
    '' AS field,
    toUInt64(0) AS letters;

-- One row per quality check: its latest result.
CREATE OR REPLACE VIEW ops.quality_latest AS
SELECT
    kind,
    check_name,
    argMax(owner, r.checked_at)     AS table_name,
    argMax(severity, r.checked_at)  AS severity,
    argMax(passed, r.checked_at)    AS passed,
    argMax(offending, r.checked_at) AS offending,
    argMax(help, r.checked_at)      AS help,
    max(r.checked_at)               AS last_checked_at
FROM ops.quality_results AS r
GROUP BY kind, check_name;

-- One row per table of the platform that holds parts. Whoever may read `ops` may read it: the view's definer reads `system`.
CREATE OR REPLACE VIEW ops.table_sizes
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    database,
    table AS table_name,
    count()             AS parts,
    uniqExact(partition) AS partitions,
    sum(p.rows)         AS table_rows,
    sum(p.bytes_on_disk) AS size_bytes
FROM system.parts AS p
WHERE p.active AND p.database IN ('analytics', 'ops')
GROUP BY database, table;
