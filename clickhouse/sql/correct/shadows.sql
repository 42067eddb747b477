-- One row per shadow that stands: its name, the plan that it is named for (0: a dry run), and its age in seconds.
SELECT
    name,
    toUInt64(extract(name, '^shadow_([0-9]+)_')) AS plan,
    dateDiff('second', metadata_modification_time, now()) AS age_s
FROM system.tables
WHERE database = 'ops' AND match(name, '^shadow_[0-9]+_')
