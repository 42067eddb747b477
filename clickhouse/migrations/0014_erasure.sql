-- Erasure of a person: what is asked, what is found, what was removed, and what keeps old events out afterwards.

ALTER TABLE ops.matched MODIFY COLUMN action Enum8('fact' = 1, 'repeat' = 2, 'conflict' = 3, 'wait' = 4, 'closed' = 5, 'erased' = 6);

ALTER TABLE ops.plans_done ADD COLUMN IF NOT EXISTS erased UInt64 COMMENT 'Events kept out, or taken from the waiting set, because their person was erased';

ALTER TABLE ops.plans_done ADD COLUMN IF NOT EXISTS erased_facts UInt64 COMMENT 'Facts taken out because their person was erased';

ALTER TABLE ops.plans_done ADD COLUMN IF NOT EXISTS erased_quarantined UInt64 COMMENT 'Rows of the quarantine taken out because their person was erased';

-- One row per person who is to be erased (personal data), dropped when it is done.
CREATE TABLE IF NOT EXISTS ops.erasure_requests
(
    request_id   UUID,
    user_ids     Array(UUID) COMMENT 'user_domain_id of the person, as asked',
    names        Array(String) COMMENT 'user_custom_id or e-mail of the person, as asked, in lower case',
    requested_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY request_id
ORDER BY request_id
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per key of the person that plan erases (personal data): a work sheet, dropped before the plan is done.
CREATE TABLE IF NOT EXISTS ops.erasure_keys
(
    plan  UInt64,
    kind  LowCardinality(String) COMMENT 'user, name, click, event, address, day, needle; end: one row that closes a piece',
    value String
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY (kind, value)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per erasure and place: how many rows it took out there; nothing personal.
CREATE TABLE IF NOT EXISTS ops.erasures
(
    plan       UInt64,
    request_id UUID,
    place      LowCardinality(String) COMMENT 'Table; end: one row that closes the erasure',
    build      UInt64 COMMENT 'For facts and the quarantine: the plan that had built them',
    rows       UInt64,
    erased_at  DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (plan, place, build)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per message whose row was taken out of staging or the dead letters: its place in Kafka, nothing personal.
CREATE TABLE IF NOT EXISTS ops.erased
(
    topic       LowCardinality(String),
    epoch       UUID,
    partition   UInt32,
    offset      UInt64,
    ingested_at DateTime64(3, 'UTC'),
    place       Enum8('staged' = 1, 'dead_letter' = 2),
    plan        UInt64
)
ENGINE = MergeTree
ORDER BY (topic, epoch, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per key of an erased person, as a keyed hash: events that come again are known by it and kept out.
CREATE TABLE IF NOT EXISTS ops.tombstones
(
    kind      LowCardinality(String) COMMENT 'user, name or click',
    hash      FixedString(16) COMMENT 'SipHash-128 under a key that is not kept here',
    key_id    UInt64 COMMENT 'Tells whether the key is still the same',
    erased_at DateTime64(3, 'UTC'),
    plan      UInt64
)
ENGINE = MergeTree
ORDER BY (kind, hash)
SETTINGS non_replicated_deduplication_window = 1000000;

-- One row per click_id that a build keeps out (personal data): a work sheet, dropped with the others.
CREATE TABLE IF NOT EXISTS ops.kept_out
(
    plan     UInt64,
    click_id UUID,
    is_end   Bool COMMENT 'The row that closes the sheet'
)
ENGINE = MergeTree
PARTITION BY plan
ORDER BY click_id
SETTINGS non_replicated_deduplication_window = 1000000;
