-- One row: keys of the person that have no tombstone yet.
SELECT
    (SELECT uniqExact(kind, value) FROM ops.erasure_keys WHERE plan = {plan:UInt64} AND kind IN ('user', 'name', 'click'))
    - toInt64((SELECT uniqExact(hash) FROM ops.tombstones WHERE plan = {plan:UInt64})) AS missing
