-- Removes the device and geo rows of visits that came with the objects.
ALTER TABLE ops.visits
DELETE WHERE origin IN (SELECT object FROM ops.reload_requests WHERE request_id = {request:UUID})
  AND plan < {plan:UInt64}
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
