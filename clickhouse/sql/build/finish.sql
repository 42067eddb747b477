-- Records that plan {plan} is done, with what became of its events.
INSERT INTO ops.plans_done
(
    plan, plan_id, taken, was_waiting, facts, incomplete, repeats, conflicts, closed, waiting, waiting_parts,
    corrected, added, removed, retired, mended, erased, erased_facts, erased_quarantined, done_at
)
SELECT
    {plan:UInt64}, {plan_id:UUID}, {taken:UInt64}, {was_waiting:UInt64}, {facts:UInt64}, {incomplete:UInt64},
    {repeats:UInt64}, {conflicts:UInt64}, {closed:UInt64}, {waiting:UInt64}, {waiting_parts:UInt64},
    {corrected:UInt64}, {added:UInt64}, {removed:UInt64}, {retired:UInt64}, {mended:UInt64},
    {erased:UInt64}, {erased_facts:UInt64}, {erased_quarantined:UInt64}, {done_at:DateTime64(3, 'UTC')}
