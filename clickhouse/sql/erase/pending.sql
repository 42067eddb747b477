-- One row per request that no finished plan has carried out, the oldest first.
SELECT request_id
FROM ops.erasure_requests
WHERE request_id NOT IN
(
    SELECT request_id
    FROM ops.erasures
    WHERE plan IN (SELECT plan FROM ops.plans_done WHERE plan IN (SELECT plan FROM ops.erasures))
)
ORDER BY requested_at, request_id
