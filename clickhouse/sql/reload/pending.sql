-- One row per request whose objects no finished plan has taken out, the oldest first.
SELECT request_id
FROM ops.reload_requests
WHERE request_id NOT IN
(
    SELECT request_id
    FROM ops.erasures
    WHERE plan IN (SELECT plan FROM ops.plans_done WHERE plan IN (SELECT plan FROM ops.erasures))
)
GROUP BY request_id
ORDER BY min(requested_at), request_id
