-- At most one row: the last plan that was claimed, and whether it is done.
SELECT
    p.plan AS plan, p.plan_id AS plan_id, p.kind AS kind, p.as_of AS as_of, p.grace_s AS grace_s, p.ranges AS ranges,
    p.days AS days, p.ids AS ids, p.pieces AS pieces,
    p.first_ingested_at AS first_ingested_at, p.last_ingested_at AS last_ingested_at, p.member AS member,
    p.plan IN (SELECT plan FROM ops.plans_done WHERE plan >= (SELECT max(plan) FROM ops.plans)) AS is_done
FROM ops.plans AS p
ORDER BY plan DESC, plan_id
LIMIT 1
