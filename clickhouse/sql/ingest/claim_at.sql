-- One row: the claim that stands at this start; the lowest generation is the one that all obey.
SELECT *
FROM ops.claims
WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32} AND from_offset = {from_offset:UInt64}
ORDER BY generation
LIMIT 1
