-- One row per place that an event came from.
INSERT INTO analytics.{target:Identifier}
SELECT geo_id, any(geo_country), any(geo_region_name), any(geo_latitude), any(geo_longitude), any(geo_timezone)
FROM ops.geo_days
GROUP BY geo_id
