-- One row per partition: its last claim.
SELECT *
FROM ops.claims
WHERE topic = {topic:String} AND epoch = {epoch:UUID}
ORDER BY partition, from_offset DESC, generation
LIMIT 1 BY partition
