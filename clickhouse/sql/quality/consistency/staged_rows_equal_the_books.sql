-- One row per topic and partition whose staged rows of the last day differ from what was booked.
-- severity: fail
-- table: ops.stored
-- help: Rows were added, removed or doubled behind the engine's back. Compare the claims of the partition with the staging table.
WITH
    ({as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY) AS since,
    closed AS (SELECT * FROM ops.stored WHERE stored_at >= since - INTERVAL 1 DAY LIMIT 1 BY claim_id),
    booked AS
    (
        SELECT s.topic AS topic, s.epoch AS epoch, s.partition AS partition, sum(s.staged) AS rows,
            min(s.from_offset) AS low, max(s.to_offset) AS high
        FROM closed AS s
        INNER JOIN ops.claims AS c ON c.claim_id = s.claim_id
        WHERE c.ingested_at >= since
        GROUP BY topic, epoch, partition
    ),
    held AS
    (
        SELECT topic, epoch, partition, offset FROM analytics.events_browser_raw WHERE ingested_at >= since
        UNION ALL SELECT topic, epoch, partition, offset FROM analytics.events_device_raw WHERE ingested_at >= since
        UNION ALL SELECT topic, epoch, partition, offset FROM analytics.events_geo_raw WHERE ingested_at >= since
        UNION ALL SELECT topic, epoch, partition, offset FROM analytics.events_location_raw WHERE ingested_at >= since
        UNION ALL SELECT topic, epoch, partition, offset FROM analytics.events_interaction_raw WHERE ingested_at >= since
        UNION ALL SELECT topic, epoch, partition, offset FROM analytics.aggregation_clicks_raw WHERE ingested_at >= since
        UNION ALL SELECT DISTINCT topic, epoch, partition, offset FROM ops.erased WHERE ingested_at >= since AND place = 'staged'
    )
SELECT b.topic AS topic, b.partition AS partition, b.rows AS booked, countIf(h.topic != '' AND h.offset >= b.low AND h.offset < b.high) AS rows,
    uniqExactIf(h.offset, h.topic != '' AND h.offset >= b.low AND h.offset < b.high) AS offsets
FROM booked AS b
LEFT JOIN held AS h ON h.topic = b.topic AND h.epoch = b.epoch AND h.partition = b.partition
GROUP BY b.topic, b.epoch, b.partition, b.rows
HAVING rows != booked OR offsets != booked
LIMIT 100
