-- An empty table like dim_geo, to be filled and exchanged with it.
CREATE TABLE IF NOT EXISTS analytics.{target:Identifier} AS analytics.dim_geo
