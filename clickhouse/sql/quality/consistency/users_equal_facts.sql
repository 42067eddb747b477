-- One row when dim_users counts another number of events than ops.user_days, which it is made of.
-- severity: fail
-- table: analytics.dim_users
-- help: Run `headwater run build_dwh_layer`: update_dim_users writes the table anew.
SELECT
    (SELECT sum(total_events) FROM analytics.dim_users) AS counted,
    (SELECT sum(total_events) FROM ops.user_days)       AS states
WHERE counted != states AND (SELECT max(done_at) FROM ops.plans_done) < {as_of:DateTime64(3, 'UTC')} - INTERVAL 2 MINUTE
LIMIT 100
