-- Takes one turn at the swaps of a plan, unless somebody has it.
INSERT INTO ops.turns
SELECT {plan:UInt64}, {turn:UInt64}, {attempt:String}, {taken_at:DateTime64(3, 'UTC')}
