-- One row per claim that is not known to be stored, in the order of its offsets.
SELECT *
FROM ops.claims
WHERE topic = {topic:String} AND epoch = {epoch:UUID}
  AND (partition, from_offset) NOT IN
  (
      SELECT partition, from_offset
      FROM ops.stored
      WHERE topic = {topic:String} AND epoch = {epoch:UUID}
  )
ORDER BY partition, from_offset, generation
LIMIT 1 BY partition, from_offset
