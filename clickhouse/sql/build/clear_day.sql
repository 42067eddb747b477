-- Drops one day of a staging table. Its ranges are built and stored; no token of them is used again.
ALTER TABLE {staging:Identifier} DROP PARTITION {day:Date}
