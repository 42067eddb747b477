-- One row per table or view of the platform: its CREATE statement, formatted.
SELECT formatQuery(create_table_query) AS statement
FROM system.tables
WHERE database IN ('analytics', 'ops')
ORDER BY database, name
