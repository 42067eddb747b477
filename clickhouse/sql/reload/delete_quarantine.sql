-- Removes what the objects had put aside, and what was put aside and stands as a fact or waits now.
ALTER TABLE ops.quarantine
DELETE WHERE ((origin IN (SELECT object FROM ops.reload_requests WHERE request_id = {request:UUID}) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4,
        (SELECT groupUniqArrayArray(arrayMap(u -> (topic, u.1, u.2, u.3), until)) FROM ops.reload_requests WHERE request_id = {request:UUID})))
    OR (event_id, sipHash64(event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent)) IN (SELECT event_id, content_hash FROM ops.corrections WHERE plan = {plan:UInt64} AND action = 'put')
    OR (event_id, sipHash64(event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent)) IN (SELECT event_id, sipHash64(event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent) FROM ops.waiting WHERE plan = {plan:UInt64} AND kind = 'event'))
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
