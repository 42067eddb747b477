-- One row per place with two rows in dim_geo.
-- severity: fail
-- table: analytics.dim_geo
-- help: Run `headwater run build_dwh_layer`: update_dim_geo writes the table anew.
SELECT geo_id, count() AS rows
FROM analytics.dim_geo
GROUP BY geo_id
HAVING rows > 1
LIMIT 100
