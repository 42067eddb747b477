-- One row per fact that plan {plan} takes out because an earlier one has its id; its place in Kafka is no longer known.
INSERT INTO ops.quarantine
(
    plan, reason, event_id, event_timestamp, event_type, click_id,
    browser_name, browser_language, browser_user_agent, origin, quarantined_at, build
)
SELECT
    plan, 'conflicting_duplicate', event_id, event_timestamp, event_type, click_id,
    browser_name, browser_language, browser_user_agent, source_object,
    (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1), build
FROM (SELECT * FROM ops.corrections WHERE plan = {plan:UInt64} AND action = 'remove' LIMIT 1 BY build, event_id)
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
ORDER BY cityHash64(event_id, build) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
