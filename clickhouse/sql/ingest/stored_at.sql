-- At most one row: the claim at this start is closed.
SELECT from_offset
FROM ops.stored
PREWHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND from_offset = {from_offset:UInt64}
LIMIT 1
SETTINGS max_threads = 1
