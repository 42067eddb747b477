-- One row per text that tells the person in bytes that were never parsed; short names and addresses with their quotes; one that closes the piece.
INSERT INTO ops.{keys:Identifier}
SELECT {plan:UInt64}, of_kind, of_value
FROM
(
    SELECT DISTINCT 'needle' AS of_kind, needle AS of_value
    FROM
    (
        SELECT arrayJoin(multiIf(
            kind = 'address' OR (kind = 'name' AND length(value) < 8 AND position(value, '@') = 0), [concat('"', lower(value), '"')],
            kind = 'name', [lower(value)],
            [lower(value), replaceAll(lower(value), '-', '')])) AS needle
        FROM ops.{keys:Identifier}
        WHERE plan = {plan:UInt64} AND kind IN ('user', 'name', 'click', 'event', 'address')
    )
    UNION ALL
    SELECT 'end', {mark:String} FROM ops.{requests:Identifier} WHERE request_id = {request:UUID}
)
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
ORDER BY cityHash64(of_kind, of_value) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
