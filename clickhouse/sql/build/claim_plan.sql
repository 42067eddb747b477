-- Adds the proposed plan, unless its number is taken.
INSERT INTO ops.plans
SELECT
    {plan:UInt64}, {plan_id:UUID}, {as_of:DateTime64(3, 'UTC')}, {grace_s:UInt32},
    {ranges:Array(Tuple(String, UUID, UInt32, UInt64, UInt64))},
    {first_ingested_at:DateTime64(3, 'UTC')}, {last_ingested_at:DateTime64(3, 'UTC')}, {member:String}
