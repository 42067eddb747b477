-- Drops the rows of one finished plan from a work sheet; nothing reads them again.
ALTER TABLE ops.{sheet:Identifier} DROP PARTITION {plan:UInt64}
