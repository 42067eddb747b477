-- Drops a shadow, and returns when nothing that is under way reads it any more.
DROP TABLE IF EXISTS ops.{shadow:Identifier} SYNC
