-- One row per table in which an update of the dimension was at work, and its age in seconds.
SELECT name, dateDiff('second', metadata_modification_time, now()) AS age_s
FROM system.tables
WHERE database = 'analytics' AND startsWith(name, concat({table:String}, '_'))
