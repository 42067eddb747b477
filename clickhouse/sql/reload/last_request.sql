-- At most one row: since when what was sent of an object does not count, as a request to load it anew or a truncation that is done.
SELECT variant
FROM
(
    SELECT concat('reload ', toString(request_id)) AS variant, requested_at AS since
    FROM ops.reload_requests
    WHERE object = {object:String}
    UNION ALL
    SELECT concat('truncation ', toString(d.plan)), d.done_at
    FROM ops.plans_done AS d
    INNER JOIN ops.plans AS p ON p.plan = d.plan
    WHERE p.kind = 'truncate_all'
)
ORDER BY since DESC, variant DESC
LIMIT 1
