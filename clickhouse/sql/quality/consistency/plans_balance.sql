-- One row per plan whose events do not add up: taken + was_waiting = facts + repeats + conflicts + closed + erased + waiting.
-- severity: fail
-- table: ops.plans_done
-- help: The build lost or invented events. Do not run it again before the plan's work sheet ops.matched has been looked at.
SELECT plan, taken, was_waiting, facts, repeats, conflicts, closed, erased, waiting
FROM ops.plans_done
WHERE taken + was_waiting != facts + repeats + conflicts + closed + erased + waiting
LIMIT 100
