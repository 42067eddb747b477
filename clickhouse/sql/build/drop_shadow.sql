-- Drops a shadow that has been exchanged.
DROP TABLE IF EXISTS {target:Identifier}
