-- One row per part of a click_id that stands in ops.visits, and the plan that brought it.
SELECT toString(part) AS part, plan, first_seen_at, user_custom_id, ip_address
FROM ops.visits
WHERE click_id = {click:UUID}
ORDER BY part
