-- The books of ingestion and building. None of them has a TTL: progress never depends on rows that go away.

-- One row per claimed range of a topic partition: [from_offset, to_offset) will be stored by whoever reads this.
CREATE TABLE IF NOT EXISTS ops.claims
(
    topic            LowCardinality(String),
    epoch            UUID COMMENT 'Kafka topic id: a topic that was deleted and made again is another one',
    partition        UInt32,
    from_offset      UInt64 COMMENT 'Where the previous claim of the partition ended',
    to_offset        UInt64 COMMENT 'First offset after the range',
    messages         UInt64 COMMENT 'Messages that Kafka handed out in the range; 0 where retention had removed them',
    generation       UInt32 COMMENT 'Grows only when an earlier claim of the same start was lost in a crash',
    claim_id         UUID,
    ingested_at      DateTime64(3, 'UTC'),
    contract_version UInt32,
    member           String COMMENT 'Host and process that made the claim'
)
ENGINE = MergeTree
ORDER BY (topic, epoch, partition, from_offset, generation)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per claim whose every message was found again in the targets, with the counts found there.
CREATE TABLE IF NOT EXISTS ops.stored
(
    topic        LowCardinality(String),
    epoch        UUID,
    partition    UInt32,
    from_offset  UInt64,
    to_offset    UInt64,
    claim_id     UUID,
    messages     UInt64,
    staged       UInt64,
    dead_letters UInt64,
    heartbeats   UInt64,
    lost         UInt64 COMMENT 'Messages that retention removed before they could be stored',
    repairs      UInt32 COMMENT 'Generations of inserts that were needed after the first',
    stored_at    DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, epoch, partition, from_offset)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per message that was refused before Kafka: too large a line, an unreadable file.
CREATE TABLE IF NOT EXISTS ops.rejects
(
    stream      LowCardinality(String),
    raw         String COMMENT 'The first bytes of what was refused',
    reason      LowCardinality(String),
    field       LowCardinality(String),
    detail      String,
    origin      String,
    origin_line UInt64,
    rejected_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(rejected_at)
ORDER BY (stream, origin, origin_line)
TTL toDateTime(rejected_at) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per file or object that was sent to its topic in whole.
CREATE TABLE IF NOT EXISTS ops.loaded_objects
(
    key        String COMMENT 'Path of the file or key of the object',
    etag       String COMMENT 'Identity of its content',
    topic      LowCardinality(String),
    epoch      UUID COMMENT 'Topic id that it was sent to',
    variant    String COMMENT 'How the lines were changed on the way, such as a shift of time; empty: not at all',
    size_bytes UInt64,
    lines      UInt64 COMMENT 'Messages that Kafka acknowledged',
    rejects    UInt64 COMMENT 'Lines that were refused before Kafka',
    loaded_at  DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, key, loaded_at)
SETTINGS non_replicated_deduplication_window = 100000;

-- One row per numbered plan of the warehouse: everything that decides what a build does.
CREATE TABLE IF NOT EXISTS ops.plans
(
    plan      UInt64,
    plan_id   UUID,
    as_of     DateTime64(3, 'UTC') COMMENT 'The time that decides about grace and fills created_at',
    grace_s   UInt32,
    ranges    Array(Tuple(topic String, epoch UUID, partition UInt32, from_offset UInt64, to_offset UInt64)),
    first_ingested_at DateTime64(3, 'UTC'),
    last_ingested_at  DateTime64(3, 'UTC'),
    member    String
)
ENGINE = MergeTree
ORDER BY plan
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per finished plan: taken + was_waiting = facts + repeats + conflicts + waiting.
CREATE TABLE IF NOT EXISTS ops.plans_done
(
    plan        UInt64,
    plan_id     UUID,
    taken       UInt64 COMMENT 'Browser events staged in the ranges of the plan',
    was_waiting UInt64 COMMENT 'Browser events that waited before the plan',
    facts       UInt64,
    incomplete  UInt64 COMMENT 'Facts built without all parts because their grace had ended',
    repeats     UInt64,
    conflicts   UInt64,
    waiting     UInt64 COMMENT 'Browser events that wait after the plan',
    waiting_parts UInt64 COMMENT 'Locations whose event is not known yet',
    done_at     DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY plan
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per thing that is decided once for the life of the platform, such as how far the bundled samples are moved.
CREATE TABLE IF NOT EXISTS ops.decisions
(
    name       String,
    value      String,
    decided_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY name
SETTINGS non_replicated_deduplication_window = 100000;

-- One row per check and run of the quality checks.
CREATE TABLE IF NOT EXISTS ops.quality_results
(
    run_id     String,
    checked_at DateTime64(3, 'UTC'),
    kind       LowCardinality(String),
    check_name LowCardinality(String),
    owner      LowCardinality(String) COMMENT 'Table that the check guards',
    severity   LowCardinality(String),
    passed     Bool,
    offending  UInt64 COMMENT 'Rows that the check returned',
    sample     String COMMENT 'The first offending rows as JSON',
    help       String
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(checked_at)
ORDER BY (kind, check_name, checked_at)
TTL toDateTime(checked_at) + INTERVAL 365 DAY
SETTINGS non_replicated_deduplication_window = 100000;
