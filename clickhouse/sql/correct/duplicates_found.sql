-- One row: whether the last check for ids on several days found some that no correction has looked at since.
SELECT count() AS found
FROM
(
    SELECT argMax(q.passed, q.checked_at) AS last_passed, max(q.checked_at) AS last_at
    FROM ops.quality_results AS q
    WHERE q.kind = 'duplicates' AND q.check_name = 'ids_stand_on_one_day'
    HAVING count() > 0
)
WHERE NOT last_passed AND last_at > (SELECT max(as_of) FROM ops.plans WHERE notEmpty(ids))
