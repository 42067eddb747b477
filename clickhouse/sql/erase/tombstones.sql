-- One row per user, name and click of the person, as keyed hashes.
INSERT INTO ops.tombstones
SELECT
    kind, sipHash128Keyed(({key_low:UInt64}, {key_high:UInt64}), concat(kind, ':', value)), {key_id:UInt64},
    (SELECT as_of FROM ops.plans WHERE plan = {plan:UInt64} LIMIT 1), {plan:UInt64}
FROM (SELECT DISTINCT kind, value FROM ops.erasure_keys WHERE plan = {plan:UInt64} AND kind IN ('user', 'name', 'click'))
WHERE {plan:UInt64} NOT IN (SELECT plan FROM ops.plans_done)
ORDER BY cityHash64(kind, value) -- one sorted stream: the token of an insert counts the chunks that it is read in
SETTINGS max_threads = 1
