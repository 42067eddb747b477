-- Removes books of counts of {day} that were made of other half hours than those with {print}.
ALTER TABLE ops.session_counts DELETE WHERE day = {day:Date} AND print != {print:UInt64} SETTINGS mutations_sync = 2
