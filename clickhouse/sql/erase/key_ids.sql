-- One row per key that tombstones were made with.
SELECT DISTINCT key_id FROM ops.tombstones
