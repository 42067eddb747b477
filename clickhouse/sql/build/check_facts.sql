-- One row per day whose shadow of the facts is not the live day without build {plan} and with its work sheet.
WITH
    kept AS
    (
        SELECT toDate(event_timestamp) AS day, count() AS facts, sum(cityHash64(tuple(*))) AS content
        FROM analytics.fact_events
        WHERE toDate(event_timestamp) IN {days:Array(Date)} AND build != {plan:UInt64}
        GROUP BY day
    ),
    made AS
    (
        SELECT
            toDate(event_timestamp) AS day,
            countIf(build != {plan:UInt64})                              AS facts,
            sumIf(cityHash64(tuple(*)), build != {plan:UInt64})          AS content,
            countIf(build = {plan:UInt64})                               AS built,
            uniqExactIf(event_id, build = {plan:UInt64})                 AS ids
        FROM ops.{shadow:Identifier}
        WHERE toDate(event_timestamp) IN {days:Array(Date)}
        GROUP BY day
    ),
    wanted AS
    (
        SELECT toDate(event_timestamp) AS day, count() AS facts
        FROM ops.matched
        WHERE plan = {plan:UInt64} AND action = 'fact' AND toDate(event_timestamp) IN {days:Array(Date)}
        GROUP BY day
    )
SELECT d.day AS day, k.facts AS live, m.facts AS shadow, w.facts AS to_build, m.built AS built
FROM (SELECT arrayJoin({days:Array(Date)}) AS day) AS d
LEFT JOIN kept AS k ON k.day = d.day
LEFT JOIN made AS m ON m.day = d.day
LEFT JOIN wanted AS w ON w.day = d.day
WHERE k.facts != m.facts OR k.content != m.content OR w.facts != m.built OR m.built != m.ids
ORDER BY day
SETTINGS join_use_nulls = 0
