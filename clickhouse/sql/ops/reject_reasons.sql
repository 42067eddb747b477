-- One row per reason: dead letters of one range of offsets.
SELECT reason, count() AS messages
FROM ops.dead_letters
WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32}
  AND offset >= {from_offset:UInt64} AND offset < {to_offset:UInt64}
GROUP BY reason
ORDER BY reason
