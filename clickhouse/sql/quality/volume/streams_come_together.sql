-- One row per topic that brought next to nothing in the last two whole hours, while the other topics went on as they usually do.
-- severity: warn
-- table: ops.claims
-- help: One stream has stopped. Look at its producer, and at its consumer with `headwater status`. Usual is the topic's middle hour of the last day, or the same hours of the day before where those had less.
WITH
    toStartOfHour({as_of:DateTime64(3, 'UTC')}) AS until,
    came AS
    (
        SELECT s.topic AS topic, toStartOfHour(c.ingested_at) AS hour, sum(s.staged + s.dead_letters) AS messages
        FROM (SELECT * FROM ops.stored WHERE stored_at >= until - INTERVAL 2 DAY LIMIT 1 BY claim_id) AS s
        INNER JOIN (SELECT claim_id, ingested_at FROM ops.claims WHERE ingested_at >= until - INTERVAL 26 HOUR) AS c USING (claim_id)
        WHERE hour < until
        GROUP BY topic, hour
        HAVING messages > 0
    ),
    topics AS
    (
        SELECT
            topic,
            sumIf(messages, hour >= until - INTERVAL 2 HOUR) AS lately,
            2 * quantileExactIf(0.5)(messages, hour < until - INTERVAL 2 HOUR) AS usual,
            sumIf(messages, hour < until - INTERVAL 24 HOUR) AS day_before,
            countIf(hour < until - INTERVAL 2 HOUR) AS hours
        FROM came
        GROUP BY topic
    ),
    judged AS
    (
        SELECT
            t.topic AS topic, any(t.lately) AS messages,
            -- the topics beside it: a load into some of them does not tell how lively the source is
            least(1, quantileExactLow(0.5)(o.lately / o.usual)) AS liveliness,
            least(any(t.usual), any(t.day_before)) * liveliness AS expected
        FROM topics AS t
        INNER JOIN topics AS o ON o.topic != t.topic
        WHERE t.hours >= 6 AND o.hours >= 6
        GROUP BY topic
    )
SELECT topic, messages, round(expected) AS expected
FROM judged
WHERE expected >= 30 AND messages < expected / 10
LIMIT 100
