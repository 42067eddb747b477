-- One row per partition of every earlier topic of this name: the offset up to which it was claimed.
SELECT epoch, partition, max(to_offset) AS to_offset
FROM ops.claims
WHERE topic = {topic:String} AND epoch != {epoch:UUID}
GROUP BY epoch, partition
ORDER BY epoch, partition
