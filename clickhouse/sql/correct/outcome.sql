-- One row: what plan {plan} changed, what waits after it, and whether its waiting set and quarantine stand.
SELECT
    (SELECT countIf(kind = 'event') FROM ops.waiting WHERE plan = {plan:UInt64})     AS waiting,
    waiting                                                                          AS was_waiting,
    (SELECT countIf(kind = 'location') FROM ops.waiting WHERE plan = {plan:UInt64})  AS waiting_parts,
    (SELECT countIf(kind = 'end') FROM ops.waiting WHERE plan = {plan:UInt64})       AS waiting_sets,
    (SELECT countIf(kind = 'end') FROM ops.waiting WHERE plan = {plan:UInt64} - 1)   AS waiting_sets_before,
    (SELECT count() FROM ops.quarantine WHERE plan = {plan:UInt64})                  AS quarantined,
    (SELECT sum(facts) FROM ops.closed_days WHERE plan = {plan:UInt64})              AS retired,
    uniqExactIf((build, event_id), action = 'put')    AS corrected,
    uniqExactIf((build, event_id), action = 'add')    AS added,
    uniqExactIf((build, event_id), action = 'remove') AS removed
FROM ops.corrections
WHERE plan = {plan:UInt64}
