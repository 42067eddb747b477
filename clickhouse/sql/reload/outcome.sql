-- One row: what plan {plan} changed, what waits after it and waited before.
SELECT
    (SELECT countIf(kind = 'event') FROM ops.waiting WHERE plan = {plan:UInt64})     AS waiting,
    (SELECT countIf(kind = 'event') FROM ops.waiting WHERE plan = {before:UInt64})   AS was_waiting,
    was_waiting - waiting                                                            AS erased,
    (SELECT countIf(kind = 'location') FROM ops.waiting WHERE plan = {plan:UInt64})  AS waiting_parts,
    (SELECT countIf(kind = 'end') FROM ops.waiting WHERE plan = {plan:UInt64})       AS waiting_sets,
    (SELECT countIf(kind = 'end') FROM ops.waiting WHERE plan = {before:UInt64})     AS waiting_sets_before,
    (SELECT uniqExact(build, event_id) FROM ops.corrections WHERE plan = {plan:UInt64} AND action = 'put') AS corrected,
    sumIf(rows, place = 'analytics.fact_events')                                     AS erased_facts,
    sumIf(rows, place = 'ops.quarantine')                                            AS erased_quarantined,
    countIf(place = 'end')                                                           AS counted
FROM ops.erasures
WHERE plan = {plan:UInt64}
