-- An empty table like dim_users, to be filled and exchanged with it.
CREATE TABLE IF NOT EXISTS analytics.{target:Identifier} AS analytics.dim_users
