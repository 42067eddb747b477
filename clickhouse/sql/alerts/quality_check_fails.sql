-- One row per quality check of severity fail whose latest result has offending rows.
-- help: Numbers may be wrong. The check's own help is in ops.quality_latest; run `headwater run data_quality_checks` after mending it.
SELECT check_name AS subject, concat(check_name, ' has ', toString(offending), ' offending rows in ', table_name, '.') AS message
FROM ops.quality_latest
WHERE NOT passed AND severity = 'fail'
ORDER BY check_name
LIMIT 100
