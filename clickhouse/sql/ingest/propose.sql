-- Adds the proposed claim, unless its token is known: then somebody has claimed this start before.
INSERT INTO ops.claims
SELECT
    {topic:String}, {epoch:UUID}, {partition:UInt32}, {from_offset:UInt64}, {to_offset:UInt64}, {messages:UInt64},
    {generation:UInt32}, {claim_id:UUID}, {ingested_at:DateTime64(3, 'UTC')}, {contract_version:UInt32}, {member:String},
    {together:Array(Tuple(UInt32, UInt64, UInt64, UInt64, UUID))}
