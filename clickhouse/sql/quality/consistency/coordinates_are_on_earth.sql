-- One row per place whose coordinates are not on Earth.
-- severity: fail
-- table: analytics.dim_geo
-- help: The contract refuses such coordinates, so they came another way. Look at the facts of this geo_id.
SELECT geo_id, geo_latitude, geo_longitude
FROM analytics.dim_geo
WHERE NOT ifNull(geo_latitude BETWEEN -90 AND 90, 1) OR NOT ifNull(geo_longitude BETWEEN -180 AND 180, 1)
LIMIT 100
