-- One row per claim of these starts that is closed.
SELECT DISTINCT partition, from_offset
FROM ops.stored
PREWHERE topic = {topic:String} AND epoch = {epoch:UUID} AND (partition, from_offset) IN {starts:Array(Tuple(UInt32, UInt64))}
SETTINGS max_threads = 1
