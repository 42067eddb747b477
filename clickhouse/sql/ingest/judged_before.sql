-- One row per stored claim of a partition before an offset, latest first: its messages and how many were rejected.
SELECT staged + dead_letters + heartbeats AS messages, dead_letters
FROM ops.stored
PREWHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND from_offset < {from_offset:UInt64}
ORDER BY from_offset DESC
LIMIT 1 BY from_offset
LIMIT 2000
SETTINGS max_threads = 1
