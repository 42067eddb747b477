-- One row per topic of which over 5% of the messages of the last hour (of 100 or more) became dead letters.
-- help: A producer or the contract has changed. `headwater replay --dry-run` lists reasons and fields; after the mend, `headwater replay` sends them again.
SELECT topic AS subject, concat(topic, ': ', toString(round(100 * sum(dead_letters) / sum(messages), 1)), '% of ', toString(sum(messages)), ' messages were refused.') AS message
FROM ops.stored
WHERE stored_at > {as_of:DateTime64(3, 'UTC')} - INTERVAL 1 HOUR
GROUP BY topic
HAVING sum(messages) >= 100 AND sum(dead_letters) > 0.05 * sum(messages)
ORDER BY topic
LIMIT 100
