-- One row: whether every row of the sheet of visits that plan {plan} found stands, and the one that closes it.
SELECT max(is_end) AND uniqExact(place) = max(place) + 1 AS is_whole
FROM ops.known_visits
WHERE plan = {plan:UInt64}
