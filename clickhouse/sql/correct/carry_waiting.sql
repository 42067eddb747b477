-- The waiting set before plan {plan} as the set after it, without the locations that the plan gave to their facts.
INSERT INTO ops.waiting
SELECT * REPLACE ({plan:UInt64} AS plan)
FROM ops.waiting AS w
WHERE w.plan = {plan:UInt64} - 1
  AND NOT (kind = 'location' AND event_id IN
      (SELECT event_id FROM ops.corrections WHERE plan = {plan:UInt64} AND action = 'put' AND page_url_path != ''))
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
ORDER BY cityHash64(w.event_id, w.offset, w.kind) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
