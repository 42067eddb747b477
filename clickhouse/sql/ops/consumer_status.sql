-- One row per claimed partition of a topic: how far it is claimed, and what was stored of it lately.
SELECT
    partition,
    max(claimed_to)            AS position,
    sum(recent) / {seconds:Float64} AS messages_per_s,
    max(stored_at)             AS last_stored_at
FROM
(
    SELECT partition, to_offset AS claimed_to, 0 AS recent, toDateTime64(0, 3, 'UTC') AS stored_at
    FROM ops.claims
    WHERE topic = {topic:String} AND epoch = {epoch:UUID}
    UNION ALL
    SELECT partition, 0, if(s.stored_at > {since:DateTime64(3, 'UTC')}, messages, 0), s.stored_at
    FROM ops.stored AS s
    WHERE topic = {topic:String} AND epoch = {epoch:UUID}
)
GROUP BY partition
ORDER BY partition
