-- One row per claim that stands at this start; the one of the lowest generation is obeyed by all.
SELECT *
FROM ops.claims
PREWHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND from_offset = {from_offset:UInt64}
SETTINGS max_threads = 1
