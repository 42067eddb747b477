-- One row per user who was last seen before being first seen.
-- severity: fail
-- table: analytics.dim_users
-- help: A user's days are damaged. Run `headwater run build_dwh_layer`, then look at ops.user_days.
SELECT user_domain_id, first_seen, last_seen, total_events
FROM analytics.dim_users
WHERE first_seen > last_seen OR total_events = 0
LIMIT 100
