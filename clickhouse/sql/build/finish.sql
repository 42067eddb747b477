-- Records that plan {plan} is done, with what became of its events.
INSERT INTO ops.plans_done
SELECT
    {plan:UInt64}, {plan_id:UUID}, {taken:UInt64}, {was_waiting:UInt64}, {facts:UInt64}, {incomplete:UInt64},
    {repeats:UInt64}, {conflicts:UInt64}, {waiting:UInt64}, {waiting_parts:UInt64},
    {done_at:DateTime64(3, 'UTC')}
