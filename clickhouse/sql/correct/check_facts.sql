-- One row per day whose shadow of the facts is not the live day with the work sheet applied.
WITH
    sheet AS
    (
        SELECT build, event_id, action, day
        FROM ops.{sheet:Identifier}
        WHERE plan = {plan:UInt64} AND action != 'end'
        LIMIT 1 BY build, event_id
    ),
    kept AS
    (
        SELECT
            toDate(event_timestamp) AS day,
            countIf((build, event_id) NOT IN (SELECT build, event_id FROM sheet WHERE action IN ('add', 'remove'))) AS rows,
            sumIf(
                cityHash64(event_id, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent, created_at, build, source_object, content_hash),
                (build, event_id) NOT IN (SELECT build, event_id FROM sheet WHERE action IN ('add', 'remove'))) AS identity,
            sumIf(
                cityHash64(tuple(*)),
                (build, event_id) NOT IN (SELECT build, event_id FROM sheet)) AS content
        FROM analytics.fact_events
        WHERE toDate(event_timestamp) IN {days:Array(Date)}
        GROUP BY day
    ),
    made AS
    (
        SELECT
            toDate(event_timestamp) AS day,
            countIf((build, event_id) NOT IN (SELECT build, event_id FROM sheet WHERE action = 'add')) AS rows,
            sumIf(
                cityHash64(event_id, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent, created_at, build, source_object, content_hash),
                (build, event_id) NOT IN (SELECT build, event_id FROM sheet WHERE action = 'add')) AS identity,
            sumIf(
                cityHash64(tuple(*)),
                (build, event_id) NOT IN (SELECT build, event_id FROM sheet)) AS content,
            countIf((build, event_id) IN (SELECT build, event_id FROM sheet WHERE action = 'add')) AS added
        FROM ops.{shadow:Identifier}
        WHERE toDate(event_timestamp) IN {days:Array(Date)}
        GROUP BY day
    ),
    wanted AS (SELECT day, countIf(action = 'add') AS added FROM sheet GROUP BY day)
SELECT d.day AS day, k.rows AS live, m.rows AS shadow, w.added AS to_add, m.added AS added
FROM (SELECT arrayJoin({days:Array(Date)}) AS day) AS d
LEFT JOIN kept AS k ON k.day = d.day
LEFT JOIN made AS m ON m.day = d.day
LEFT JOIN wanted AS w ON w.day = d.day
WHERE k.rows != m.rows OR k.identity != m.identity OR k.content != m.content OR w.added != m.added
ORDER BY day
SETTINGS join_use_nulls = 0
