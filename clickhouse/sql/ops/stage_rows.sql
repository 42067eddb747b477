-- One row per stream: the messages that were claimed, and where they stand.
SELECT
    topic,
    sum(messages)     AS claimed,
    sum(staged)       AS staged,
    sum(dead_letters) AS dead_letters,
    sum(heartbeats)   AS heartbeats,
    sum(lost)         AS lost
FROM (SELECT * FROM ops.stored LIMIT 1 BY claim_id)
GROUP BY topic
ORDER BY topic
