-- Removes counts of {day} that were made of other views or purchases than those with {print}.
ALTER TABLE ops.leading_hours DELETE WHERE day = {day:Date} AND print != {print:UInt64} SETTINGS mutations_sync = 2
