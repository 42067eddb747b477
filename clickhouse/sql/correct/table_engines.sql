-- One row per table of the warehouse: its engine.
SELECT concat(database, '.', name) AS table, engine
FROM system.tables
WHERE database IN ('analytics', 'ops')
