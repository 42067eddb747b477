-- At most one row: the decision of that name.
SELECT value FROM ops.decisions WHERE name = {name:String} ORDER BY decided_at LIMIT 1
