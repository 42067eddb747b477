-- Objects that are loaded anew: what they had brought in is taken out first.

ALTER TABLE analytics.fact_events ADD COLUMN IF NOT EXISTS location_object LowCardinality(String) COMMENT 'File or object that the location came from; empty for streams';

ALTER TABLE ops.corrections ADD COLUMN IF NOT EXISTS location_object LowCardinality(String) COMMENT 'File or object that the location came from; empty for streams';

ALTER TABLE ops.matched ADD COLUMN IF NOT EXISTS location_object LowCardinality(String) COMMENT 'File or object that the location came from; empty for streams';

ALTER TABLE ops.visits ADD COLUMN IF NOT EXISTS origin LowCardinality(String) COMMENT 'File or object that the row came from; empty for streams';

ALTER TABLE ops.plans COMMENT COLUMN kind 'build, correct, rebuild, retire, erase, reload, truncate_warehouse or truncate_all: what the plan does';

ALTER TABLE ops.plans COMMENT COLUMN ids 'Events that were found to stand twice; of an erasure, reload or truncation its request';

ALTER TABLE ops.plans_done COMMENT COLUMN erased 'Events kept out, or taken from the waiting set, because their person was erased, their object is loaded anew, or all was emptied';

ALTER TABLE ops.plans_done COMMENT COLUMN erased_facts 'Facts taken out because their person was erased, their object is loaded anew, or all was emptied';

ALTER TABLE ops.plans_done COMMENT COLUMN erased_quarantined 'Rows of the quarantine taken out for the same reason';

-- One row per object that is to be loaded anew, kept as a record: what it had brought in goes, then it is sent again.
CREATE TABLE IF NOT EXISTS ops.reload_requests
(
    request_id   UUID COMMENT 'One for all objects that were asked for at once; also the variant in ops.loaded_objects',
    object       String COMMENT 'Where it is: s3://bucket/key',
    etag         String COMMENT 'Identity of the content that is to be loaded',
    topic        LowCardinality(String),
    until        Array(Tuple(epoch UUID, partition UInt32, offset UInt64)),
    requested_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (object, requested_at)
SETTINGS non_replicated_deduplication_window = 1000000;
