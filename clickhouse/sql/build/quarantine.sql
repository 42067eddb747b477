-- One row per event of plan {plan} whose id another event with other content has.
INSERT INTO ops.quarantine
SELECT
    plan, 'conflicting_duplicate', topic, epoch, partition, offset, kafka_time, event_id, event_timestamp, event_type,
    click_id, browser_name, browser_language, browser_user_agent, origin, origin_line,
    (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1)
FROM ops.matched
WHERE plan = {plan:UInt64} AND action = 'conflict'
