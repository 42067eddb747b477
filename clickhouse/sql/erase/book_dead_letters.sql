-- One row per dead letter whose bytes hold a key of the person whom plan {plan} erases.
INSERT INTO ops.erased
WITH (SELECT groupArray(value) FROM ops.erasure_keys WHERE plan = {plan:UInt64} AND kind = 'needle') AS needles
SELECT topic, epoch, partition, offset, ingested_at, 'dead_letter', {plan:UInt64}
FROM ops.dead_letters
WHERE arrayExists(n -> position(lower(concat(raw, detail)), n) > 0, needles)
  AND {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
  AND (topic, epoch, partition, offset) NOT IN (SELECT topic, epoch, partition, offset FROM ops.erased)
ORDER BY cityHash64(topic, epoch, partition, offset) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
