-- One row per day that a table holds rows of: how many.
SELECT toDate(partition) AS day, sum(p.rows) AS rows
FROM system.parts AS p
WHERE active AND database = {database:String} AND table = {table:String} AND toDate(partition) IN {days:Array(Date)} AND p.rows > 0
GROUP BY day
