-- Merges the small parts of one table for a bounded time, partition by partition; never a FINAL over history.
OPTIMIZE TABLE analytics.{table:Identifier} PARTITION {day:Date}
