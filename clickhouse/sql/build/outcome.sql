-- One row: what became of the events of plan {plan}, and whether its waiting set, quarantine and arrivals stand.
SELECT
    m.*,
    (SELECT countIf(kind = 'location') FROM ops.waiting WHERE plan = {plan:UInt64})  AS waiting_parts,
    (SELECT countIf(kind = 'end') FROM ops.waiting WHERE plan = {plan:UInt64})       AS waiting_sets,
    (SELECT count() FROM ops.quarantine WHERE plan = {plan:UInt64})                  AS quarantined,
    (SELECT countIf(events = 0) FROM ops.arrivals WHERE plan = {plan:UInt64})        AS arrival_sets
FROM
(
    SELECT
        countIf(NOT waited)                                                           AS taken,
        countIf(waited)                                                               AS was_waiting,
        countIf(action = 'fact')                                                      AS facts,
        countIf(action = 'fact' AND NOT (has_location AND has_device AND has_geo))    AS incomplete,
        countIf(action = 'repeat')                                                    AS repeats,
        countIf(action = 'conflict')                                                  AS conflicts,
        countIf(action = 'closed')                                                    AS closed,
        countIf(action = 'erased')                                                    AS erased,
        countIf(action = 'wait')                                                      AS waiting
    FROM ops.matched
    WHERE plan = {plan:UInt64}
) AS m
