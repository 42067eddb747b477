-- Drops a shadow that has been exchanged.
DROP TABLE IF EXISTS analytics.{target:Identifier}
