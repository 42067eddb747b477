-- One row per topic partition that builds up to plan {plan} have taken something of: the offset they have reached.
-- Each build has the positions of all before it. Where none of the last plans has any, the ranges of all are read.
WITH
    (
        SELECT (max(plan), any(reached))
        FROM
        (
            SELECT plan, reached
            FROM ops.plans
            WHERE plan BETWEEN toInt64({plan:UInt64}) - 1000 AND {plan:UInt64} AND notEmpty(reached)
            ORDER BY plan DESC, plan_id
            LIMIT 1
        )
    ) AS last
SELECT place.1 AS topic, place.2 AS epoch, place.3 AS partition, max(place.4) AS planned_to
FROM
(
    SELECT arrayJoin(last.2) AS place
    UNION ALL
    SELECT arrayJoin(arrayMap(r -> (r.1, r.2, r.3, r.5), ranges)) AS place
    FROM ops.plans
    WHERE plan > last.1 AND plan <= {plan:UInt64}
)
GROUP BY topic, epoch, partition
ORDER BY topic, epoch, partition
