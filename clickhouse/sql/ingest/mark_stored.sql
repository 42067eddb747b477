-- Records that every message of a claim was found in the targets.
INSERT INTO ops.stored
SELECT
    {topic:String}, {epoch:UUID}, {partition:UInt32}, {from_offset:UInt64}, {to_offset:UInt64}, {claim_id:UUID},
    {messages:UInt64}, {staged:UInt64}, {dead_letters:UInt64}, {heartbeats:UInt64}, {lost:UInt64}, {repairs:UInt32},
    now64(3)
