-- One row per materialized view: its SELECT, as the engine keeps it.
SELECT concat(database, '.', name) AS view, as_select
FROM system.tables
WHERE database IN ('analytics', 'ops') AND engine = 'MaterializedView'
