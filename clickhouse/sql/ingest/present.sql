-- One row per offset of a claimed range that some target holds.
SELECT offset FROM analytics.{staging:Identifier}
WHERE epoch = {epoch:UUID} AND partition = {partition:UInt32} AND offset >= {from_offset:UInt64} AND offset < {to_offset:UInt64}
UNION ALL
SELECT offset FROM ops.dead_letters
WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND offset >= {from_offset:UInt64} AND offset < {to_offset:UInt64}
UNION ALL
SELECT offset FROM ops.freshness
WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND offset >= {from_offset:UInt64} AND offset < {to_offset:UInt64}
