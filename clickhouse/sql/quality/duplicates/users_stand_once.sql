-- One row per user with two rows in dim_users.
-- severity: fail
-- table: analytics.dim_users
-- help: Run `headwater run build_dwh_layer`: update_dim_users writes the table anew.
SELECT user_domain_id, count() AS rows
FROM analytics.dim_users
GROUP BY user_domain_id
HAVING rows > 1
LIMIT 100
