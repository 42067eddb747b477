-- One row: how many rows the table holds.
SELECT count() AS rows FROM analytics.{table:Identifier}
