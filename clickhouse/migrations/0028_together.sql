-- Claims of several partitions may be stored by one insert; each names the others, so that whoever takes one up knows them.
ALTER TABLE ops.claims ADD COLUMN IF NOT EXISTS together Array(Tuple(partition UInt32, from_offset UInt64, to_offset UInt64, messages UInt64, claim_id UUID)) COMMENT 'Claims proposed with this one, to be stored by one insert, itself among them; empty when alone';
