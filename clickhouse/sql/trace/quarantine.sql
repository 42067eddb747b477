-- One row per event of the id that was kept out of the facts, and why.
SELECT plan, reason, topic, partition, offset, event_timestamp, quarantined_at, build
FROM ops.quarantine
WHERE event_id = {event:UUID}
ORDER BY quarantined_at
LIMIT 20
