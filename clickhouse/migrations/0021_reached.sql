-- How a build knows what is built without reading the books of all time: each plan carries the positions on.

ALTER TABLE ops.plans ADD COLUMN IF NOT EXISTS reached Array(Tuple(topic String, epoch UUID, partition UInt32, to_offset UInt64)) COMMENT 'Offset that builds have reached in every partition, this one included; empty for other plans';
