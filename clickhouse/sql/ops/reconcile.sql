-- One row per claimed partition of a topic: what the claims that are stored promise, what the books say, what the tables hold.
WITH
    claimed AS
    (
        SELECT *, lagInFrame(to_offset, 1, 0) OVER (PARTITION BY partition ORDER BY from_offset ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS expected_from
        FROM
        (
            SELECT partition, from_offset, to_offset, messages, claim_id, ingested_at
            FROM ops.claims
            WHERE topic = {topic:String} AND epoch = {epoch:UUID}
            ORDER BY partition, from_offset, generation
            LIMIT 1 BY partition, from_offset
        )
    ),
    booked AS
    (
        SELECT claim_id, staged, dead_letters, heartbeats, lost, true AS is_stored
        FROM ops.stored
        WHERE topic = {topic:String} AND epoch = {epoch:UUID}
        LIMIT 1 BY claim_id
    ),
    -- Up to where every claim was stored, before the tables are looked at: behind it somebody may be at work.
    (
        SELECT mapFromArrays(groupArray(partition), groupArray(reached))
        FROM
        (
            SELECT c.partition AS partition, if(countIf(NOT s.is_stored) = 0, max(c.to_offset), minIf(c.from_offset, NOT s.is_stored)) AS reached
            FROM claimed AS c
            LEFT JOIN booked AS s ON s.claim_id = c.claim_id
            GROUP BY partition
        )
    ) AS settled,
    held AS
    (
        SELECT
            partition,
            countIf(offset < settled[partition])             AS rows,
            uniqExactIf(offset, offset < settled[partition]) AS offsets,
            max(offset) + 1                                  AS reached
        FROM
        (
            SELECT partition, offset FROM analytics.{staging:Identifier}
            WHERE epoch = {epoch:UUID} AND ingested_at >= {since:DateTime64(3, 'UTC')}
            UNION ALL
            SELECT partition, offset FROM ops.dead_letters
            WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND ingested_at >= {since:DateTime64(3, 'UTC')}
            UNION ALL
            SELECT partition, offset FROM ops.freshness
            WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND ingested_at >= {since:DateTime64(3, 'UTC')}
            UNION ALL
            SELECT DISTINCT partition, offset FROM ops.erased
            WHERE topic = {topic:String} AND epoch = {epoch:UUID} AND ingested_at >= {since:DateTime64(3, 'UTC')}
        )
        GROUP BY partition
    )
SELECT
    b.partition AS partition, claims, open_claims, gaps, claimed_to, settled_to, messages, staged, dead_letters, heartbeats, lost,
    recent_messages, h.rows AS recent_rows, h.offsets AS recent_offsets, h.reached AS held_to
FROM
(
    SELECT
        c.partition                           AS partition,
        count()                               AS claims,
        countIf(NOT s.is_stored)              AS open_claims,
        countIf(c.from_offset != c.expected_from) AS gaps,
        max(c.to_offset)                      AS claimed_to,
        any(settled[c.partition])             AS settled_to,
        sumIf(c.messages, s.is_stored)        AS messages,
        sum(s.staged)                         AS staged,
        sum(s.dead_letters)                   AS dead_letters,
        sum(s.heartbeats)                     AS heartbeats,
        sum(s.lost)                           AS lost,
        sumIf(
            s.staged + s.dead_letters + s.heartbeats,
            c.ingested_at >= {since:DateTime64(3, 'UTC')} AND c.to_offset <= settled[c.partition]
        )                                     AS recent_messages
    FROM claimed AS c
    LEFT JOIN booked AS s ON s.claim_id = c.claim_id
    GROUP BY partition
) AS b
LEFT JOIN held AS h ON h.partition = b.partition
ORDER BY partition
SETTINGS join_use_nulls = 0
