-- Who may swap: two swaps of one partition at once would leave the rows of both.

-- One row per turn at the swaps of a plan; only the attempt of the last turn swaps.
CREATE TABLE IF NOT EXISTS ops.turns
(
    plan     UInt64,
    turn     UInt64,
    attempt  String COMMENT 'Names the shadows of the worker that took the turn',
    taken_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (plan, turn)
SETTINGS non_replicated_deduplication_window = 1000000;
