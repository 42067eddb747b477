-- One row: whether the last check for ids on several days found some that no correction has looked at since.
SELECT count() AS found
FROM
(
    SELECT argMax(passed, checked_at) AS passed, max(checked_at) AS checked_at
    FROM ops.quality_results
    WHERE kind = 'duplicates' AND check_name = 'ids_stand_on_one_day'
)
WHERE NOT passed AND checked_at > (SELECT max(as_of) FROM ops.plans WHERE notEmpty(ids))
