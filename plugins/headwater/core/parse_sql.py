"""SQL derived from the contract: the tables of a stream and the chain that parses, judges and routes its messages.

`ops.<stream>_landing` → `_parsed` (Null tables with a view between them, so that a message is parsed once) → what is
plainly valid to staging, the rest → `_judged` → staging, dead letters and heartbeats. One INSERT into the landing
table, with a token, is one transaction of all that.
"""

from __future__ import annotations

from headwater.contracts.streams import HEARTBEAT_FIELD, HEARTBEAT_TIME_FIELD, Field, Stream
from headwater.contracts.types import Kind
from headwater.core.judge_sql import (
    HEARTBEAT,
    MESSAGE_POSITION,
    judge_select,
    literal,
    parse_select,
    parsed_columns,
    staged_select,
)

_SETTINGS = "non_replicated_deduplication_window = 1000000, ttl_only_drop_parts = 1"

_POSITION_COLUMNS = """\
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))"""


def create_common() -> list[str]:
    """The tables that all streams share: dead letters and heartbeats."""
    return [
        f"""-- One row per message that breaks the contract.
CREATE TABLE IF NOT EXISTS ops.dead_letters
(
    raw         String COMMENT 'The message as it came' CODEC(ZSTD(1)),
    stream      LowCardinality(String),
    topic       LowCardinality(String),
{_POSITION_COLUMNS},
    reason      LowCardinality(String),
    field       LowCardinality(String),
    detail      String
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (topic, epoch, partition, offset)
TTL toDateTime(ingested_at) + INTERVAL 30 DAY
SETTINGS {_SETTINGS}""",
        f"""-- One row per heartbeat that went the way of the events.
CREATE TABLE IF NOT EXISTS ops.freshness
(
    stream      LowCardinality(String),
    topic       LowCardinality(String),
{_POSITION_COLUMNS},
    heartbeat   String,
    sent_at     Nullable(DateTime64(3, 'UTC'))
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (topic, epoch, partition, offset)
TTL toDateTime(ingested_at) + INTERVAL 30 DAY
SETTINGS {_SETTINGS}""",
    ]


def create_staging(stream: Stream) -> str:
    """The staging table: the contract's columns and where each message stood in Kafka."""
    columns = ",\n".join(_column_definition(field) for field in stream.fields)
    return f"""-- One row per accepted message of {stream.topic}.
CREATE TABLE IF NOT EXISTS {stream.staging_table}
(
{columns},
    unknown_fields UInt32 COMMENT 'Fields of the message that the contract does not name',
    topic       LowCardinality(String),
{_POSITION_COLUMNS}
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY
SETTINGS {_SETTINGS}"""


def tune_staging(stream: Stream) -> str:
    """Merge large parts rarely: staging is read by ranges of offsets, and a row need not be written again and again."""
    return f"ALTER TABLE {stream.staging_table} MODIFY SETTING merge_selector_base = 20"


def drop_chain(stream: Stream) -> list[str]:
    """Take away every chain that there was: views first, then the tables that keep nothing."""
    views = ["parse", "check", "judge", "to_staging", "to_dead_letters", "to_freshness"]
    views += ["usual_to_staging", "judged_to_staging"]
    return [
        *(f"DROP VIEW IF EXISTS ops.{stream.name}_{view}" for view in views),
        *(f"DROP TABLE IF EXISTS ops.{stream.name}_{table}" for table in ("parsed", "checked", "judged")),
    ]


def create_chain(stream: Stream) -> list[str]:
    """Landing table, the steps of parsing and judging, and the views to the targets, in order of creation."""
    name = stream.name
    landing = f"    raw         String,\n{_POSITION_COLUMNS}"
    parsed = ",\n".join(f"    {column} {type_}" for column, type_ in parsed_columns(stream))
    judged = f"""{parsed},
    unknown_fields UInt32,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String"""
    return [
        _step(name, "landing", f"Messages of {stream.topic} as they come", landing),
        _step(
            name,
            "parsed",
            "The same messages with their fields, and whether they are plainly valid",
            f"{parsed},\n    usual UInt8",
        ),
        _step(name, "judged", "Those that are not plainly valid, with their fields and verdict", judged),
        _view(name, "parse", f"ops.{name}_parsed", parse_select(stream, f"ops.{name}_landing")),
        _view(
            name,
            "usual_to_staging",
            stream.staging_table,
            staged_select(stream, f"ops.{name}_parsed", "0", "usual"),
        ),
        _view(name, "judge", f"ops.{name}_judged", judge_select(stream, f"ops.{name}_parsed")),
        _view(
            name,
            "judged_to_staging",
            stream.staging_table,
            staged_select(stream, f"ops.{name}_judged", "unknown_fields", "verdict = ''"),
        ),
        _view(
            name,
            "to_dead_letters",
            "ops.dead_letters",
            f"""SELECT
    message.raw AS raw, {literal(name)} AS stream, {literal(stream.topic)} AS topic, {MESSAGE_POSITION},
    verdict AS reason, field, detail
FROM ops.{name}_judged
WHERE verdict NOT IN ('', {literal(HEARTBEAT)})""",  # noqa: S608 - every part comes from the contract
        ),
        _view(
            name,
            "to_freshness",
            "ops.freshness",
            f"""SELECT
    {literal(name)} AS stream, {literal(stream.topic)} AS topic, {MESSAGE_POSITION},
    JSONExtractString(message.raw, {literal(HEARTBEAT_FIELD)}) AS heartbeat,
    parseDateTime64BestEffortOrNull(
        JSONExtractString(message.raw, {literal(HEARTBEAT_TIME_FIELD)}), 3, 'UTC'
    ) AS sent_at
FROM ops.{name}_judged
WHERE verdict = {literal(HEARTBEAT)}""",  # noqa: S608 - every part comes from the contract
        ),
    ]


def _step(name: str, step: str, comment: str, columns: str) -> str:
    return f"""-- {comment}; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.{name}_{step}
(
{columns}
)
ENGINE = Null"""


def _view(name: str, view: str, target: str, select: str) -> str:
    return f"CREATE MATERIALIZED VIEW IF NOT EXISTS ops.{name}_{view} TO {target} AS\n{select}"


def _column_definition(field: Field) -> str:
    codec = {Kind.TIME: " CODEC(Delta, ZSTD(1))"}.get(field.column.kind, "")
    return f"    {field.name} {field.column.clickhouse} COMMENT {literal(field.description)}{codec}"
