-- One row per shadow that stands: its name, the plan that it is named for, and whether a dry run left it behind an hour ago.
SELECT
    name,
    toUInt64(extract(name, '^shadow_([0-9]+)_')) AS plan,
    plan = 0 AND metadata_modification_time < now() - INTERVAL 1 HOUR AS is_left
FROM system.tables
WHERE database = 'ops' AND match(name, '^shadow_[0-9]+_')
