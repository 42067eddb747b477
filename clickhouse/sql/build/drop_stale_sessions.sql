-- Removes sessions of {day} of counts before {before} that are not kept; a younger one may be about to be kept by another run.
ALTER TABLE ops.counted_sessions DELETE IN PARTITION {day:Date}
WHERE count_id < {before:UInt64} AND count_id NOT IN (SELECT count_id FROM ops.session_counts WHERE day = {day:Date})
SETTINGS mutations_sync = 2
