-- One row per claim that stands at one of these starts; of a start the one of the lowest generation is obeyed by all.
SELECT *
FROM ops.claims
PREWHERE topic = {topic:String} AND epoch = {epoch:UUID} AND (partition, from_offset) IN {starts:Array(Tuple(UInt32, UInt64))}
ORDER BY partition, from_offset, generation
LIMIT 1 BY partition, from_offset
SETTINGS max_threads = 1
