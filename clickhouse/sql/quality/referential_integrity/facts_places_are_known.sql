-- One row per place of the facts that dim_geo does not have.
-- severity: fail
-- table: analytics.dim_geo
-- help: Run `headwater run build_dwh_layer`: update_dim_geo follows the facts.
SELECT geo_id, count() AS events
FROM analytics.fact_events
WHERE isNotNull(geo_id)
  AND created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
  AND build <= (SELECT max(plan) FROM ops.plans_done WHERE done_at < {as_of:DateTime64(3, 'UTC')} - INTERVAL 2 MINUTE)
  AND assumeNotNull(geo_id) NOT IN (SELECT geo_id FROM analytics.dim_geo)
GROUP BY geo_id
LIMIT 100
