-- One row per stream: seconds from sending a heartbeat until the claim that holds it was closed, sent between since and until.
WITH
    beats AS
    (
        SELECT stream, topic, epoch, partition, offset, assumeNotNull(sent_at) AS sent_at
        FROM ops.freshness
        WHERE ingested_at >= {since:DateTime64(3, 'UTC')}
          AND sent_at >= {since:DateTime64(3, 'UTC')} AND sent_at <= {until:DateTime64(3, 'UTC')}
    ),
    closed AS
    (
        SELECT topic, epoch, partition, from_offset, to_offset, stored_at
        FROM ops.stored
        WHERE stored_at >= {since:DateTime64(3, 'UTC')}
    ),
    waits AS
    (
        SELECT stream, b.sent_at AS sent_at, dateDiff('millisecond', b.sent_at, c.stored_at) / 1000 AS wait_s
        FROM beats AS b
        ASOF JOIN closed AS c
            ON b.topic = c.topic AND b.epoch = c.epoch AND b.partition = c.partition AND b.offset >= c.from_offset
        WHERE b.offset < c.to_offset
    )
SELECT
    stream,
    count()                       AS heartbeats,
    quantileExact(0.5)(wait_s)    AS p50_s,
    quantileExact(0.99)(wait_s)   AS p99_s,
    quantileExact(0.999)(wait_s)  AS p999_s,
    max(wait_s)                   AS max_s,
    max(sent_at)                  AS last_sent_at
FROM waits
GROUP BY stream
ORDER BY stream
