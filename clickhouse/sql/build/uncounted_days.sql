-- One row per day until {until} whose leading views are not counted as they stand now, and whether an older count is there.
SELECT day, print, day IN (SELECT day FROM ops.leading_hours) AS is_stale
FROM ops.leading_prints
WHERE day <= {until:Date} AND (day, print) NOT IN (SELECT day, print FROM ops.leading_hours WHERE page_url = '')
ORDER BY day DESC
LIMIT 1000
