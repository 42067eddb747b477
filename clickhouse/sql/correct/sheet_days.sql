-- One row per day that the work sheet of {plan} changes.
SELECT
    day,
    uniqExactIf((build, event_id), action = 'put')    AS corrected,
    uniqExactIf((build, event_id), action = 'add')    AS added,
    uniqExactIf((build, event_id), action = 'remove') AS removed
FROM ops.{sheet:Identifier}
WHERE plan = {plan:UInt64} AND action != 'end'
GROUP BY day
ORDER BY day
