-- One row per day for which parts came over two hours ago and that no correction has taken since.
-- severity: warn
-- table: ops.arrivals
-- help: Facts of this day could be completed. Run `headwater run build_dwh_layer` and look at its log: a correction may have failed its checks.
SELECT a.day AS day, sum(a.events) AS facts, min(p.as_of) AS oldest
FROM ops.arrivals AS a
INNER JOIN ops.plans AS p ON p.plan = a.plan
LEFT JOIN
(
    SELECT corrected_day, max(plan) AS corrected_by
    FROM ops.plans
    ARRAY JOIN days AS corrected_day
    WHERE kind IN ('correct', 'rebuild')
    GROUP BY corrected_day
) AS c ON c.corrected_day = a.day
WHERE a.events > 0 AND a.plan > c.corrected_by
  AND a.day NOT IN (SELECT day FROM ops.closed_days)
  AND p.as_of < {as_of:DateTime64(3, 'UTC')} - INTERVAL 2 HOUR
GROUP BY day
LIMIT 100
