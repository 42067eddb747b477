-- One row per user of the facts that dim_users does not have.
-- severity: fail
-- table: analytics.dim_users
-- help: Run `headwater run build_dwh_layer`: update_dim_users follows the facts.
SELECT user_domain_id, count() AS events
FROM analytics.fact_events
WHERE isNotNull(user_domain_id)
  AND created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
  AND build <= (SELECT max(plan) FROM ops.plans_done WHERE done_at < {as_of:DateTime64(3, 'UTC')} - INTERVAL 2 MINUTE)
  AND assumeNotNull(user_domain_id) NOT IN (SELECT user_domain_id FROM analytics.dim_users)
GROUP BY user_domain_id
LIMIT 100
