-- One row per day until {until} whose sessions are not counted as its half hours stand now.
SELECT day, print
FROM ops.session_prints
WHERE day <= {until:Date} AND (day, print) NOT IN (SELECT day, print FROM ops.session_counts)
ORDER BY day DESC
LIMIT 1000
