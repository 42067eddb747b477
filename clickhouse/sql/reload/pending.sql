-- One row per request whose objects no finished plan has taken out, the oldest first.
SELECT request_id
FROM ops.reload_requests
WHERE request_id NOT IN
(
    SELECT arrayJoin(ids)
    FROM ops.plans
    WHERE kind = 'reload' AND plan IN (SELECT plan FROM ops.plans_done)
)
GROUP BY request_id
ORDER BY min(requested_at), request_id
