-- One row when the newest fact is of more than two hours ago.
-- help: Nothing comes in, or nothing is built. Look at Platform Health, then `headwater status` and the last runs of streaming_to_clickhouse and build_dwh_layer.
SELECT
    'analytics.fact_events' AS subject,
    if(newest < toDateTime64('1971-01-01', 6, 'UTC'), 'There is no event at all.', concat('The newest event is of ', toString(newest), '.')) AS message
FROM (SELECT max(event_timestamp) AS newest FROM analytics.fact_events)
WHERE newest < {as_of:DateTime64(3, 'UTC')} - INTERVAL 2 HOUR
LIMIT 100
