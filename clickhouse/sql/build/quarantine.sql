-- One row per event of plan {plan} whose id another event with other content has, or whose day is retired.
INSERT INTO ops.quarantine
(
    plan, reason, topic, epoch, partition, offset, kafka_time, event_id, event_timestamp, event_type,
    click_id, browser_name, browser_language, browser_user_agent, origin, origin_line, quarantined_at
)
SELECT
    plan, if(action = 'closed', 'closed_day', 'conflicting_duplicate'), topic, epoch, partition, offset, kafka_time,
    event_id, event_timestamp, event_type, click_id, browser_name, browser_language, browser_user_agent, origin, origin_line,
    (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1)
FROM ops.matched
WHERE plan = {plan:UInt64} AND action IN ('conflict', 'closed') AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done WHERE plan = {plan:UInt64})
ORDER BY cityHash64(event_id, offset) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
