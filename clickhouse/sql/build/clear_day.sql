-- Drops one day of a staging table. Its ranges are built and stored; no token of them is used again.
ALTER TABLE analytics.{staging:Identifier} DROP PARTITION {day:Date}
