-- One row per day whose shadow of the facts is not the live day with the work sheet applied.
WITH
    sheet AS (SELECT * FROM ops.{sheet:Identifier} WHERE plan = {plan:UInt64} AND action != 'end' LIMIT 1 BY build, event_id, action),
    kept AS
    (
        SELECT toDate(event_timestamp) AS day, count() AS facts, sum(cityHash64(tuple(*))) AS content
        FROM analytics.fact_events
        WHERE toDate(event_timestamp) IN {days:Array(Date)} AND (build, event_id) NOT IN (SELECT build, event_id FROM sheet)
        GROUP BY day
    ),
    put AS
    (
        SELECT day, count() AS facts, sum(cityHash64(tuple(* EXCEPT (plan, action, day)))) AS content
        FROM sheet
        WHERE action = 'put'
        GROUP BY day
    ),
    made AS
    (
        SELECT toDate(event_timestamp) AS day, count() AS facts, sum(cityHash64(tuple(*))) AS content
        FROM ops.{shadow:Identifier}
        GROUP BY day
    )
SELECT d.day AS day, k.facts AS kept, p.facts AS put, m.facts AS shadow
FROM (SELECT arrayJoin({days:Array(Date)}) AS day) AS d
LEFT JOIN kept AS k ON k.day = d.day
LEFT JOIN put AS p ON p.day = d.day
LEFT JOIN made AS m ON m.day = d.day
WHERE k.facts + p.facts != m.facts OR k.content + p.content != m.content
ORDER BY day
SETTINGS join_use_nulls = 0
