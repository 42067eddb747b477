-- At most one row: what an incomplete fact lacks.
SELECT lacks_device, lacks_geo, lacks_location
FROM ops.incomplete
WHERE event_id = {event:UUID} AND toDate(event_timestamp) = {day:Date} AND build > 0
LIMIT 1
