-- One row: the claim of the staged rows.
INSERT INTO ops.claims (topic, epoch, partition, from_offset, to_offset, messages, claim_id, ingested_at)
SELECT {topic:String}, {epoch:UUID}, 0, {from:UInt64}, {from:UInt64} + {rows:UInt64}, {rows:UInt64}, generateUUIDv4(), max(ingested_at)
FROM analytics.{staging:Identifier}
WHERE offset = {from:UInt64}
