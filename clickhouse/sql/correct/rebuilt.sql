-- One row per finished rebuild that began at {since} or later: the days that it rebuilt.
SELECT days
FROM ops.plans
WHERE kind = 'rebuild' AND as_of >= {since:DateTime64(3, 'UTC')} AND plan IN (SELECT plan FROM ops.plans_done)
