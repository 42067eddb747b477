-- One row: the rows of a claimed range in every target, and how many different offsets they have.
-- Of a small claim the planning costs more than the reading: hence one aggregation, and nothing left to be moved.
SELECT
    countIf(target = 1) AS staged,
    countIf(target = 2) AS dead_letters,
    countIf(target = 3) AS heartbeats,
    groupBitmap(toUInt32(offset - {from_offset:UInt64})) AS distinct_offsets
FROM
(
    SELECT 1 AS target, offset
    FROM analytics.{staging:Identifier}
    PREWHERE epoch = {epoch:UUID} AND partition = {partition:UInt32} AND offset >= {from_offset:UInt64} AND offset < {to_offset:UInt64}
    UNION ALL
    SELECT 2, offset
    FROM ops.dead_letters
    PREWHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND offset >= {from_offset:UInt64} AND offset < {to_offset:UInt64}
    UNION ALL
    SELECT 3, offset
    FROM ops.freshness
    PREWHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND offset >= {from_offset:UInt64} AND offset < {to_offset:UInt64}
)
SETTINGS max_threads = 1
