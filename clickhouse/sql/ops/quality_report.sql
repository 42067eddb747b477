-- One row per check of a run, failures first.
SELECT kind, check_name, owner, severity, passed, offending, sample, help
FROM ops.quality_results
WHERE run_id = {run_id:String}
ORDER BY passed, severity, kind, check_name
LIMIT 1 BY check_name
