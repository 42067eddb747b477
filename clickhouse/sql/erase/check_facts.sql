-- One row per day whose shadow of the facts is not the live day without the person whom plan {plan} erases.
WITH
    clicks AS (SELECT toUUID(value) AS id FROM ops.{sheet:Identifier} WHERE plan = {plan:UInt64} AND kind = 'click'),
    kept AS
    (
        SELECT toDate(event_timestamp) AS day, count() AS facts, sum(cityHash64(tuple(*))) AS content
        FROM analytics.fact_events
        WHERE toDate(event_timestamp) IN {days:Array(Date)} AND click_id NOT IN (SELECT id FROM clicks)
        GROUP BY day
    ),
    made AS
    (
        SELECT
            toDate(event_timestamp) AS day, count() AS facts, sum(cityHash64(tuple(*))) AS content,
            countIf(click_id IN (SELECT id FROM clicks)) AS left
        FROM ops.{shadow:Identifier}
        GROUP BY day
    )
SELECT d.day AS day, k.facts AS live, m.facts AS shadow, m.left AS left
FROM (SELECT arrayJoin({days:Array(Date)}) AS day) AS d
LEFT JOIN kept AS k ON k.day = d.day
LEFT JOIN made AS m ON m.day = d.day
WHERE k.facts != m.facts OR k.content != m.content OR m.left > 0
ORDER BY day
SETTINGS join_use_nulls = 0
