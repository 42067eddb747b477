-- One row per check: its latest outcome.
SELECT kind, check_name, severity, passed, offending, checked_at
FROM ops.quality_results
ORDER BY checked_at DESC
LIMIT 1 BY check_name
