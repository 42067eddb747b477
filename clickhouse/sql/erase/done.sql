-- One row per place that a request has taken rows from.
SELECT place, sum(rows) AS rows
FROM ops.erasures
WHERE request_id = {request:UUID} AND place != 'end'
GROUP BY place
ORDER BY place
