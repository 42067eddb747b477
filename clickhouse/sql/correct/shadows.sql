-- One row per shadow that stands: its name and the plan that it is named for.
SELECT name, toUInt64(extract(name, '^shadow_([0-9]+)_')) AS plan
FROM system.tables
WHERE database = 'ops' AND match(name, '^shadow_[0-9]+_')
