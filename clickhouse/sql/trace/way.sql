-- One row: the claim that took an offset, when its rows were counted, and the plan that took it.
WITH
    claim AS
    (
        SELECT claim_id, from_offset, to_offset, generation, member, ingested_at
        FROM ops.claims
        WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32}
          AND from_offset <= {offset:UInt64} AND to_offset > {offset:UInt64}
        ORDER BY from_offset DESC, generation
        LIMIT 1
    ),
    stored AS
    (
        SELECT stored_at
        FROM ops.stored
        WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND partition = {partition:UInt32}
          AND claim_id IN (SELECT claim_id FROM claim)
        LIMIT 1
    ),
    planned AS
    (
        SELECT plan, as_of
        FROM ops.plans
        WHERE kind = 'build'
          AND arrayExists(r -> r.1 = {topic:String} AND r.2 = {epoch:UUID} AND r.3 = {partition:UInt32} AND r.4 <= {offset:UInt64} AND r.5 > {offset:UInt64}, ranges)
        ORDER BY plan
        LIMIT 1
    )
SELECT
    c.from_offset AS from_offset, c.to_offset AS to_offset, c.generation AS generation, c.member AS member, c.ingested_at AS claimed_at,
    (SELECT stored_at FROM stored) AS stored_at,
    (SELECT plan FROM planned) AS plan,
    (SELECT as_of FROM planned) AS planned_at,
    (SELECT done_at FROM ops.plans_done WHERE plan IN (SELECT plan FROM planned) LIMIT 1) AS built_at
FROM (SELECT 1 AS one) AS o
LEFT JOIN (SELECT 1 AS one, * FROM claim) AS c ON c.one = o.one
