-- How a build knows that ClickHouse stopped while it wrote: only then can a part be missing whose token is known.

-- One row per build that was claimed since the server started; kept in memory, so that a restart forgets it.
CREATE TABLE IF NOT EXISTS ops.marks
(
    plan_id UUID COMMENT 'The claim of the build; put down before the claim is sent'
)
ENGINE = Memory
SETTINGS min_rows_to_keep = 1000, max_rows_to_keep = 10000;

ALTER TABLE ops.plans_done ADD COLUMN IF NOT EXISTS mended UInt64 COMMENT 'Days made anew because ClickHouse stopped while the build wrote them';
