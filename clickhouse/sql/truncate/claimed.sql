-- At most one row: the plan that was claimed for a request.
SELECT plan FROM ops.plans WHERE has(ids, {request:UUID}) LIMIT 1
