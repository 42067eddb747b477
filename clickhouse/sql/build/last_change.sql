-- One row: the last plan that changes what stands, and whether it is done.
SELECT last_plan, last_plan IN (SELECT plan FROM ops.plans_done) AS is_done
FROM (SELECT max(plan) AS last_plan FROM ops.plans WHERE kind != 'build')
