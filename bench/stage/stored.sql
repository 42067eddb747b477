-- One row: the claim is stored.
INSERT INTO ops.stored (topic, epoch, partition, from_offset, to_offset, claim_id, messages, staged, stored_at)
SELECT topic, epoch, partition, from_offset, to_offset, claim_id, messages, messages, now64(3)
FROM ops.claims
WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND from_offset = {from:UInt64}
