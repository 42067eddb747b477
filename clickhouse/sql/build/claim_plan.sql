-- Adds the proposed plan, unless its number is taken.
INSERT INTO ops.plans (plan, plan_id, kind, as_of, grace_s, ranges, reached, days, ids, pieces, first_ingested_at, last_ingested_at, member)
SELECT
    {plan:UInt64}, {plan_id:UUID}, {kind:String}, {as_of:DateTime64(3, 'UTC')}, {grace_s:UInt32},
    {ranges:Array(Tuple(String, UUID, UInt32, UInt64, UInt64))},
    {reached:Array(Tuple(String, UUID, UInt32, UInt64))},
    {days:Array(Date)}, {ids:Array(UUID)}, {pieces:UInt32},
    {first_ingested_at:DateTime64(3, 'UTC')}, {last_ingested_at:DateTime64(3, 'UTC')}, {member:String}
