-- One row: browser events that plan {plan} takes, those that waited before it, and those that its work sheet holds.
WITH (SELECT ranges FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) AS taken
SELECT
    (
        SELECT sum(staged)
        FROM ops.stored
        WHERE topic = 'browser_events'
          AND arrayExists(r -> r.1 = 'browser_events' AND epoch = r.2 AND partition = r.3 AND from_offset >= r.4 AND from_offset < r.5, taken)
    ) AS taken_events,
    (SELECT count() FROM ops.waiting WHERE plan = {plan:UInt64} - 1 AND kind = 'event') AS was_waiting,
    (SELECT count() FROM ops.matched WHERE plan = {plan:UInt64})                        AS matched
