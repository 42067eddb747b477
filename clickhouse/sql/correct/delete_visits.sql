-- Removes the device and geo rows that came over {kept_days} days before plan {plan} and that no fact, and nothing that waits, uses any more.
ALTER TABLE ops.visits
DELETE WHERE plan IN
  (
      SELECT plan
      FROM ops.plans
      WHERE as_of < (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) - toIntervalDay({kept_days:UInt32})
  )
  AND click_id NOT IN
  (
      SELECT click_id
      FROM analytics.fact_events
      WHERE click_id IN
      (
          SELECT click_id
          FROM ops.visits
          WHERE plan IN
          (
              SELECT plan
              FROM ops.plans
              WHERE as_of < (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1) - toIntervalDay({kept_days:UInt32})
          )
      ) -- few: most went with their facts
  )
  AND click_id NOT IN (SELECT click_id FROM ops.waiting WHERE plan = {plan:UInt64} - 1 AND kind = 'event')
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
