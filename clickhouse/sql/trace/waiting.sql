-- One row per row of the event in the present waiting set: the event, or a location without its event; and what is there.
WITH (SELECT max(plan) FROM ops.plans_done) AS last
SELECT
    toString(kind) AS waits, ingested_at,
    click_id IN (SELECT click_id FROM ops.visits WHERE part = 'device' AND click_id IN (SELECT click_id FROM ops.waiting WHERE plan = last AND event_id = {event:UUID})) AS has_device,
    click_id IN (SELECT click_id FROM ops.visits WHERE part = 'geo' AND click_id IN (SELECT click_id FROM ops.waiting WHERE plan = last AND event_id = {event:UUID})) AS has_geo,
    (SELECT count() > 0 FROM ops.waiting WHERE plan = last AND kind = 'location' AND event_id = {event:UUID}) AS has_location
FROM ops.waiting
WHERE plan = last AND event_id = {event:UUID}
ORDER BY kind
