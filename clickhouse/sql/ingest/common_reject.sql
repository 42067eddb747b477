-- At most one row: the reason and field that most dead letters of a claimed range have.
SELECT reason, field, count() AS events
FROM ops.dead_letters
WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND offset >= {from_offset:UInt64} AND offset < {to_offset:UInt64}
GROUP BY reason, field
ORDER BY events DESC, reason, field
LIMIT 1
