-- Forgets the keys of the person whom a plan erased.
ALTER TABLE ops.erasure_keys DROP PARTITION {plan:UInt64}
