-- Records that every message of the claims of one work was found in the targets.
INSERT INTO ops.stored
SELECT
    {topic:String}, {epoch:UUID}, c.1, c.2, c.3, c.4, c.5, c.6, c.7, c.8, c.9, c.10, now64(3)
FROM
(
    -- partition, from_offset, to_offset, claim_id, messages, staged, dead_letters, heartbeats, lost, repairs
    SELECT arrayJoin({claims:Array(Tuple(UInt32, UInt64, UInt64, UUID, UInt64, UInt64, UInt64, UInt64, UInt64, UInt32))}) AS c
)
