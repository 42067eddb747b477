-- One row per place: rows that plan {plan} takes out, facts and quarantine by the plan that had built them; one that closes them.
INSERT INTO ops.erasures
SELECT {plan:UInt64}, {request:UUID}, of_place, of_build, of_rows, (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1)
FROM
(
    SELECT f.1 AS of_place, f.2 AS of_build, f.3 AS of_rows
    FROM (SELECT arrayJoin({found:Array(Tuple(String, UInt64, UInt64))}) AS f)
    UNION ALL
    SELECT 'end', 0, 0
)
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.erasures WHERE place = 'end')
ORDER BY cityHash64(of_place, of_build) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
