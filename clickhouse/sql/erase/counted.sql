-- One row: what plan {plan} erases, and whether its counts stand.
SELECT
    countIf(place = 'end')                           AS ends,
    sumIf(rows, place = 'waiting')                   AS erased,
    sumIf(rows, place = 'analytics.fact_events')     AS erased_facts,
    sumIf(rows, place = 'ops.quarantine')            AS erased_quarantined
FROM ops.erasures
WHERE plan = {plan:UInt64}
