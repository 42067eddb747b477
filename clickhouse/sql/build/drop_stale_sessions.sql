-- Removes sessions of {day} that belong to other counts than those that are kept.
ALTER TABLE ops.counted_sessions DELETE IN PARTITION {day:Date}
WHERE count_id NOT IN (SELECT count_id FROM ops.session_counts WHERE day = {day:Date} AND print = {print:UInt64})
SETTINGS mutations_sync = 2
