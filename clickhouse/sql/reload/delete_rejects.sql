-- Removes the lines of the objects that were refused before Kafka.
ALTER TABLE ops.rejects
DELETE WHERE origin IN (SELECT object FROM ops.reload_requests WHERE request_id = {request:UUID})
  AND rejected_at < (SELECT max(requested_at) FROM ops.reload_requests WHERE request_id = {request:UUID})
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
