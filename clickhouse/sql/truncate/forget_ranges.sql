-- Forgets what plans before {plan} took from staging, so that builds take it again.
ALTER TABLE ops.plans
UPDATE ranges = [], reached = [] WHERE plan < {plan:UInt64} AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
