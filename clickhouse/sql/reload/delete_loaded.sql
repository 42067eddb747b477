-- Removes from the ledger what was sent of the objects before they were to be loaded anew.
ALTER TABLE ops.loaded_objects
DELETE WHERE (topic, key) IN (SELECT topic, object FROM ops.reload_requests WHERE request_id = {request:UUID})
  AND variant != concat('reload ', toString({request:UUID}))
  AND loaded_at < (SELECT max(requested_at) FROM ops.reload_requests WHERE request_id = {request:UUID})
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
