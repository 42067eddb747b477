-- One row: the rows of a claimed range in every target, and how many different offsets they have.
SELECT
    sumIf(rows, target = 1) AS staged,
    sumIf(rows, target = 2) AS dead_letters,
    sumIf(rows, target = 3) AS heartbeats,
    groupBitmapMerge(offsets) AS distinct_offsets
FROM
(
    SELECT 1 AS target, count() AS rows, groupBitmapState(toUInt32(offset - {from_offset:UInt64})) AS offsets
    FROM analytics.{staging:Identifier}
    WHERE epoch = {epoch:UUID} AND partition = {partition:UInt32} AND offset >= {from_offset:UInt64} AND offset < {to_offset:UInt64}
    UNION ALL
    SELECT 2, count(), groupBitmapState(toUInt32(offset - {from_offset:UInt64}))
    FROM ops.dead_letters
    WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND offset >= {from_offset:UInt64} AND offset < {to_offset:UInt64}
    UNION ALL
    SELECT 3, count(), groupBitmapState(toUInt32(offset - {from_offset:UInt64}))
    FROM ops.freshness
    WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND offset >= {from_offset:UInt64} AND offset < {to_offset:UInt64}
)
