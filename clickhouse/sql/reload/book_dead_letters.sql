-- One row per dead letter of the objects that plan {plan} takes out.
INSERT INTO ops.erased
WITH
    (
        SELECT groupUniqArrayArray(arrayMap(u -> (topic, u.1, u.2, u.3), until))
        FROM ops.{requests:Identifier}
        WHERE request_id = {request:UUID}
    ) AS kept,
    asked AS (SELECT object, topic FROM ops.{requests:Identifier} WHERE request_id = {request:UUID})
SELECT topic, epoch, partition, offset, ingested_at, 'dead_letter', {plan:UInt64}
FROM ops.dead_letters
WHERE (origin IN (SELECT object FROM asked) AND NOT arrayExists(k -> k.1 = topic AND k.2 = epoch AND k.3 = partition AND offset >= k.4, kept))
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
  AND (topic, epoch, partition, offset) NOT IN (SELECT topic, epoch, partition, offset FROM ops.erased)
ORDER BY cityHash64(topic, epoch, partition, offset) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
