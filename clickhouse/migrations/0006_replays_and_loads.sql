-- The books of what is sent to Kafka: which dead letters were sent again and by which plan, and how far a load came.

-- One row per dead letter that a replay took. The rows of a plan are inserted at once under the plan's number as token:
-- of several replays one wins the number, and all carry out the winner's rows.
CREATE TABLE IF NOT EXISTS ops.replays
(
    plan       UInt64,
    plan_id    UUID,
    generation UInt32 COMMENT 'Grows only when the rows of an earlier generation were lost in a crash',
    stream     LowCardinality(String),
    topic      LowCardinality(String),
    epoch      UUID,
    partition  UInt32,
    offset     UInt64,
    reason     LowCardinality(String) COMMENT 'Why it was a dead letter',
    field      LowCardinality(String),
    outcome    LowCardinality(String) COMMENT 'send, or why it was not sent: hopeless, too_large',
    detail     String COMMENT 'What the contract says of it now, where it was not sent',
    policy     LowCardinality(String),
    member     String COMMENT 'Host and process that made the plan',
    planned_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (plan, generation, topic, epoch, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per plan whose messages were committed to Kafka.
CREATE TABLE IF NOT EXISTS ops.replays_done
(
    plan     UInt64,
    plan_id  UUID,
    sent     UInt64,
    not_sent UInt64 COMMENT 'Taken, and not sent for the outcome in ops.replays',
    gone     UInt64 COMMENT 'Taken, and no longer among the dead letters when they were to be sent',
    done_at  DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY plan
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per point up to which the lines of a file are known to be in Kafka; the last one of a file counts.
CREATE TABLE IF NOT EXISTS ops.load_progress
(
    key      String COMMENT 'Path of the file',
    etag     String COMMENT 'Identity of its content',
    topic    LowCardinality(String),
    epoch    UUID COMMENT 'Topic id that it is sent to',
    variant  String COMMENT 'As in ops.loaded_objects',
    position UInt64 COMMENT 'Bytes of the unpacked file that are done',
    lines    UInt64 COMMENT 'Lines of the file that are done, blank ones included',
    sent     UInt64 COMMENT 'Messages that Kafka acknowledged',
    rejects  UInt64 COMMENT 'Lines that were refused before Kafka',
    saved_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, key, saved_at)
TTL toDateTime(saved_at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 1000000;
