-- One row per account that must balance: what came in, and where it is; rows of staging since {since}.
WITH
    (SELECT max(plan) FROM ops.plans_done) AS last_done,
    planned AS
    (
        SELECT r.2 AS epoch, r.3 AS partition, r.4 AS from_offset, r.5 AS to_offset
        FROM ops.plans
        ARRAY JOIN ranges AS r
        WHERE r.1 = 'browser_events' AND plan IN (SELECT plan FROM ops.plans_done)
    ),
    held AS
    (
        SELECT DISTINCT s.event_id AS event_id, toDate(s.event_timestamp) AS day
        FROM analytics.events_browser_raw AS s
        ASOF INNER JOIN planned AS p ON p.epoch = s.epoch AND p.partition = s.partition AND s.offset >= p.from_offset
        WHERE s.offset < p.to_offset AND s.ingested_at >= {since:DateTime64(3, 'UTC')}
    ),
    placed AS
    (
        SELECT
            event_id,
            max(event_id IN (SELECT event_id FROM analytics.fact_events WHERE toDate(event_timestamp) IN (SELECT day FROM held))
                OR day IN (SELECT day FROM ops.closed_days))                                        AS is_fact,
            max(event_id IN (SELECT event_id FROM ops.waiting WHERE plan = last_done AND kind = 'event')) AS is_waiting,
            max(event_id IN (SELECT event_id FROM ops.quarantine))                                  AS is_quarantined
        FROM held
        GROUP BY event_id
    )
SELECT *
FROM
(
    SELECT 1 AS place, 'staged events by the books' AS account,
        (SELECT sum(taken) - sum(repeats) FROM ops.plans_done) AS came,
        (SELECT sum(facts) FROM ops.plans_done) AS facts,
        (SELECT waiting FROM ops.plans_done ORDER BY plan DESC LIMIT 1) AS waiting,
        (SELECT sum(conflicts) + sum(closed) FROM ops.plans_done) AS quarantined,
        (SELECT sum(erased) FROM ops.plans_done) AS erased,
        came = facts + waiting + quarantined + erased AS balances
    UNION ALL
    SELECT 2, 'events that staging holds', count(), countIf(is_fact), countIf(NOT is_fact AND is_waiting),
        countIf(NOT is_fact AND NOT is_waiting AND is_quarantined), 0, countIf(NOT is_fact AND NOT is_waiting AND NOT is_quarantined) = 0
    FROM placed
    UNION ALL
    SELECT 3, 'facts: built, less what was taken out, retired or erased',
        (SELECT sum(facts) - sum(removed) - sum(retired) - sum(erased_facts) FROM ops.plans_done) AS built,
        (SELECT count() FROM analytics.fact_events) AS standing, 0, 0, 0, built = standing
    UNION ALL
    SELECT 4, 'quarantine: booked by plans',
        (SELECT sum(conflicts) + sum(closed) + sum(removed) - sum(erased_quarantined) FROM ops.plans_done) AS booked, 0, 0,
        (SELECT count() FROM ops.quarantine WHERE plan IN (SELECT plan FROM ops.plans_done)) AS rows, 0, booked = rows
    UNION ALL
    SELECT 5, 'events that wait: booked by the last plan',
        (SELECT waiting FROM ops.plans_done ORDER BY plan DESC LIMIT 1) AS booked, 0,
        (SELECT count() FROM ops.waiting WHERE plan = last_done AND kind = 'event') AS rows, 0, 0, booked = rows
)
ORDER BY place
