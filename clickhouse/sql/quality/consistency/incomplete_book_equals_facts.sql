-- One row per recently touched day on which ops.incomplete lists other facts than those that lack a part.
-- severity: fail
-- table: ops.incomplete
-- help: Parts that come for this day may not find their facts. Run `headwater rebuild --from` and `--to` with the day.
WITH
    touched AS
    (
        SELECT DISTINCT toDate(event_timestamp) AS day
        FROM analytics.fact_events
        WHERE created_at >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
        UNION DISTINCT
        SELECT arrayJoin(days) AS day
        FROM ops.plans
        WHERE as_of >= {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
    ),
    open AS (SELECT kind FROM ops.plans WHERE plan NOT IN (SELECT plan FROM ops.plans_done))
SELECT day, sumIf(n, listed = 0) AS facts, sumIf(n, listed = 1) AS listed_facts
FROM
(
    SELECT toDate(event_timestamp) AS day, 0 AS listed, count() AS n, sum(cityHash64(build, event_id)) AS ids
    FROM analytics.fact_events
    WHERE toDate(event_timestamp) IN (SELECT day FROM touched) AND NOT is_complete
    GROUP BY day
    UNION ALL
    SELECT toDate(event_timestamp) AS day, 1 AS listed, count() AS n, sum(cityHash64(build, event_id)) AS ids
    FROM ops.incomplete
    WHERE toDate(event_timestamp) IN (SELECT day FROM touched) AND build > 0
    GROUP BY day
)
WHERE (SELECT count() FROM open) = 0
GROUP BY day
HAVING sumIf(ids, listed = 0) != sumIf(ids, listed = 1) OR facts != listed_facts
LIMIT 100
