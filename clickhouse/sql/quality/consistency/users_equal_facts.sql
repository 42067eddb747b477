-- One row when dim_users counts another number of events than the facts with a user.
-- severity: fail
-- table: analytics.dim_users
-- help: Run `headwater run build_dwh_layer`; if the row stays, ops.user_days and the facts differ: rebuild the days.
SELECT
    (SELECT sum(total_events) FROM analytics.dim_users) AS counted,
    (SELECT sum(total_events) FROM ops.user_days)       AS states
WHERE counted != states AND (SELECT max(done_at) FROM ops.plans_done) < {as_of:DateTime64(3, 'UTC')} - INTERVAL 2 MINUTE
LIMIT 100
