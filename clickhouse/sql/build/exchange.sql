-- Puts the filled shadow in the place of the table, at once.
EXCHANGE TABLES analytics.{target:Identifier} AND analytics.{table:Identifier}
