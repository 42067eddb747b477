-- One row per alert: what it was about when another run evaluated it last; nothing where it was quiet.
SELECT alert, argMax(subjects, evaluated_at) AS subjects
FROM ops.alerts
WHERE run_id != {run_id:String}
GROUP BY alert
ORDER BY alert
