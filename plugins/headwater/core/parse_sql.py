"""SQL derived from the contract: the tables of a stream and the chain that parses, judges and routes its messages.

`ops.<stream>_landing` (Null) → view `ops.<stream>_parse` → `ops.<stream>_parsed` (Null) → views to staging, dead
letters and heartbeats. Each message is parsed once into a typed tuple. A message whose every value is a string of the
usual form is accepted by a few comparisons on that tuple; only the others are looked at field by field, with the
rules of `contracts/types.py`.
"""

from __future__ import annotations

from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import HEARTBEAT_FIELD, HEARTBEAT_TIME_FIELD, MAX_MESSAGE_BYTES, Field, Stream
from headwater.contracts.types import DECIMAL_PATTERN, TIME_PATTERN, UUID_PATTERN, Kind

HEARTBEAT = "heartbeat"
WINDOW = "non_replicated_deduplication_window = 1000000"

_TUPLE_TYPES = {
    Kind.UUID: "Nullable(UUID)",
    Kind.TIME: "Nullable(String)",
    Kind.TEXT: "Nullable(String)",
    Kind.FLAG: "Nullable(Bool)",
    Kind.NUMBER: "Nullable(String)",
}

_POSITION_COLUMNS = """\
    epoch       UUID,
    partition   UInt32,
    offset      UInt64 CODEC(Delta, ZSTD(1)),
    kafka_time  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin      LowCardinality(String),
    origin_line UInt64 CODEC(Delta, ZSTD(1))"""
_POSITION = "epoch, partition, offset, kafka_time, ingested_at, origin, origin_line"


def literal(text: str) -> str:
    """`text` as a SQL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


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
SETTINGS {WINDOW}""",
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
SETTINGS {WINDOW}""",
    ]


def create_staging(stream: Stream) -> str:
    """The staging table: the contract's columns and where each message stood in Kafka."""
    columns = ",\n".join(_column_definition(field) for field in stream.fields)
    return f"""-- One row per accepted message of {stream.topic}.
CREATE TABLE IF NOT EXISTS {stream.staging_table}
(
{columns},
    unknown_fields UInt16 COMMENT 'Fields of the message that the contract does not name',
    topic       LowCardinality(String),
{_POSITION_COLUMNS}
)
ENGINE = MergeTree
PARTITION BY toDate(ingested_at)
ORDER BY (epoch, partition, offset)
TTL toDateTime(ingested_at) + INTERVAL 90 DAY
SETTINGS {WINDOW}"""


def create_chain(stream: Stream) -> list[str]:
    """Landing table, parsed table and the views between them and the targets, in order of creation."""
    name = stream.name
    names = ", ".join(field.name for field in stream.fields)
    columns = ",\n".join(f"    {field.name} {field.column.clickhouse}" for field in stream.fields)
    return [
        f"""-- Messages of {stream.topic} as they come; keeps nothing, feeds the chain.
CREATE TABLE IF NOT EXISTS ops.{name}_landing
(
    raw         String,
{_POSITION_COLUMNS}
)
ENGINE = Null""",
        f"""-- Messages of {stream.topic} with their fields and verdict; keeps nothing, feeds the targets.
CREATE TABLE IF NOT EXISTS ops.{name}_parsed
(
    raw         String,
{_POSITION_COLUMNS},
{columns},
    unknown_fields UInt16,
    verdict     LowCardinality(String) COMMENT 'Empty: accepted; heartbeat; else the reason of the reject',
    field       LowCardinality(String),
    detail      String
)
ENGINE = Null""",
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS ops.{name}_parse TO ops.{name}_parsed AS\n{parse_select(stream)}",
        f"""CREATE MATERIALIZED VIEW IF NOT EXISTS ops.{name}_to_staging TO {stream.staging_table} AS
SELECT {names}, unknown_fields, {literal(stream.topic)} AS topic, {_POSITION}
FROM ops.{name}_parsed
WHERE verdict = ''""",
        f"""CREATE MATERIALIZED VIEW IF NOT EXISTS ops.{name}_to_dead_letters TO ops.dead_letters AS
SELECT raw, {literal(name)} AS stream, {literal(stream.topic)} AS topic, {_POSITION}, verdict AS reason, field, detail
FROM ops.{name}_parsed
WHERE verdict NOT IN ('', {literal(HEARTBEAT)})""",
        f"""CREATE MATERIALIZED VIEW IF NOT EXISTS ops.{name}_to_freshness TO ops.freshness AS
SELECT
    {literal(name)} AS stream, {literal(stream.topic)} AS topic, {_POSITION},
    JSONExtractString(raw, {literal(HEARTBEAT_FIELD)}) AS heartbeat,
    parseDateTime64BestEffortOrNull(JSONExtractString(raw, {literal(HEARTBEAT_TIME_FIELD)}), 3, 'UTC') AS sent_at
FROM ops.{name}_parsed
WHERE verdict = {literal(HEARTBEAT)}""",
    ]


def parse_select(stream: Stream, source: str = "") -> str:
    """One row per message of the landing table (or of `source`, with the same columns): fields and verdict."""
    shape = ", ".join(f"{field.name} {_TUPLE_TYPES[field.column.kind]}" for field in stream.fields)
    values = ",\n".join(f"    {_value(field)} AS {field.name}" for field in stream.fields)
    known = ", ".join(literal(field.name) for field in stream.fields)
    return f"""SELECT
    raw, {_POSITION},
{values},
    if(usual, 0, length(arrayFilter(k -> NOT has([{known}], k), JSONExtractKeys(raw)))) AS unknown_fields,
    judged.1 AS verdict,
    judged.2 AS field,
    judged.3 AS detail
FROM
(
    SELECT
        *,
        if(usual, ('', '', ''), {_diagnosis(stream)}) AS judged
    FROM
    (
        SELECT *, {_usual(stream)} AS usual
        FROM
        (
            SELECT
                raw, {_POSITION},
                JSONExtract(raw, 'Tuple({shape})') AS x,
                countSubstrings(raw, '":') AS colons
            FROM {source or f"ops.{stream.name}_landing"}
        )
    )
)"""


def _column_definition(field: Field) -> str:
    codec = {Kind.TIME: " CODEC(Delta, ZSTD(1))"}.get(field.column.kind, "")
    return f"    {field.name} {field.column.clickhouse} COMMENT {literal(field.description)}{codec}"


def _usual(stream: Stream) -> str:
    """True for messages that are plainly valid: known fields only, all strings, each of its usual form.

    Every key is followed by `":`, every string value by a quote after that; when these counts and the number of
    fields that were found agree, there is no other key and no other value in the message.
    """
    flags = [field for field in stream.fields if field.column.kind is Kind.FLAG]
    present = " + ".join(f"isNotNull(x.{field.name})" for field in stream.fields)
    strings = [f"countSubstrings(raw, {literal(n)})" for n in ('":"', '": "')]
    strings += [
        f"(position(raw, {literal(f'"{field.name}":{space}{word}')}) > 0)"
        for field in flags
        for space in ("", " ")
        for word in ("true", "false")
    ]
    tests = [
        f"length(raw) <= {MAX_MESSAGE_BYTES}",
        f"colons = {present}",
        f"colons = {' + '.join(strings)}",
        "NOT multiSearchAny(raw, ['\" ', '\"\\t', '\"\\n', '\"\\r'])",
        *(test for field in stream.fields for test in _usual_field(field)),
    ]
    return "ifNull(" + "\n            AND ".join(tests) + ", 0)"


def _usual_field(field: Field) -> list[str]:
    x = f"x.{field.name}"
    match field.column.kind:
        case Kind.UUID:
            return [f"isNotNull({x})"]
        case Kind.TEXT if field.required:
            return [f"{x} != ''"]
        case Kind.TIME:
            parsed = f"toDateTime64OrNull({x}, 6, 'UTC')"
            return [
                f"length({x}) BETWEEN 19 AND 26 AND length({x}) != 20",
                f"startsWith(toString({parsed}), {x})",
                f"{parsed} >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC')",
                f"{parsed} < toDateTime64('2299-01-01 00:00:00', 6, 'UTC')",
                f"{parsed} <= kafka_time + INTERVAL 1 DAY",
            ]
        case Kind.NUMBER:
            lowest, highest = field.column.lowest, field.column.highest
            return [
                f"(isNull({x}) OR {x} = '' OR (match({x}, {literal(DECIMAL_PATTERN)}) "
                f"AND toFloat64OrNull({x}) BETWEEN {lowest:g} AND {highest:g}))"
            ]
    return []


def _value(field: Field) -> str:
    x = f"x.{field.name}"
    match field.column.kind:
        case Kind.UUID:
            return x if field.column.clickhouse.startswith("Nullable") else f"assumeNotNull({x})"
        case Kind.TIME:
            plain = f"toDateTime64OrNull({x}, 6, 'UTC')"
            return f"ifNull(if(usual, {plain}, {_moment(x)}), toDateTime64(0, 6, 'UTC'))"
        case Kind.TEXT:
            return f"ifNull({x}, '')"
        case Kind.NUMBER:
            return f"toFloat64OrNull(ifNull({x}, ''))"
    return x


def _moment(x: str) -> str:
    """The time in `x`, whose form was checked, with its fraction and offset, as UTC."""
    clock = f"concat(substring({x}, 1, 10), ' ', substring({x}, 12, 8), extract({x}, '[.][0-9]+'))"
    zone = f"extract({x}, '[+-][0-9]{{2}}:?[0-9]{{2}}$')"
    minutes = (
        f"(toInt32OrZero(substring({zone}, 2, 2)) * 60 + toInt32OrZero(right({zone}, 2)))"
        f" * if(startsWith({zone}, '-'), -1, 1)"
    )
    return f"toDateTime64OrNull({clock}, 6, 'UTC') - toIntervalMinute(if(length({x}) > 22, {minutes}, 0))"


def _diagnosis(stream: Stream) -> str:
    """The first thing that is wrong, as (verdict, field, detail); empty when nothing is."""
    reason = RejectReason
    branches = [
        (f"length(raw) > {MAX_MESSAGE_BYTES}", _verdict(reason.TOO_LARGE, "", f"over {MAX_MESSAGE_BYTES} bytes")),
        ("NOT isValidJSON(raw)", _verdict(reason.INVALID_JSON, "", "not one JSON value in UTF-8")),
        ("JSONType(raw) != 'Object'", _verdict(reason.NOT_AN_OBJECT, "", "not a JSON object")),
        (f"JSONHas(raw, {literal(HEARTBEAT_FIELD)})", f"({literal(HEARTBEAT)}, '', '')"),
        *(branch for field in stream.fields for branch in _field_branches(field)),
    ]
    lines = ",\n            ".join(f"{condition}, {outcome}" for condition, outcome in branches)
    return f"multiIf(\n            {lines},\n            ('', '', ''))"


def _verdict(reason: RejectReason, field: str, detail: str) -> str:
    return f"({literal(reason.value)}, {literal(field)}, {literal(detail)})"


def _field_branches(field: Field) -> list[tuple[str, str]]:
    name = field.name
    kind = f"toString(JSONType(raw, {literal(name)}))"
    text = f"JSONExtractString(raw, {literal(name)})"
    empty = f"({kind} = 'Null' OR ({kind} = 'String' AND {text} = ''))"
    branches: list[tuple[str, str]] = []
    if field.required:
        branches.append((empty, _verdict(RejectReason.MISSING_FIELD, name, "absent, null or empty")))

    def wrong(condition: str, expected: str, reason: RejectReason = RejectReason.WRONG_TYPE) -> None:
        branches.append((f"NOT {empty} AND {condition}", _verdict(reason, name, expected)))

    def wrong_json_type(allowed: str, expected: str) -> None:
        got = (
            f"transform({kind}, ['String', 'Bool', 'Object', 'Array'], ['string', 'boolean', 'object', 'array'],"
            " 'number')"
        )
        detail = f"concat({literal(f'expected {expected}, got ')}, {got})"
        branches.append(
            (
                f"NOT {empty} AND {kind} NOT IN ({allowed})",
                f"({literal(RejectReason.WRONG_TYPE.value)}, {literal(name)}, {detail})",
            )
        )

    match field.column.kind:
        case Kind.TEXT:
            wrong_json_type("'String'", "a string")
        case Kind.FLAG:
            wrong_json_type("'Bool'", "true or false")
        case Kind.UUID:
            wrong_json_type("'String'", "a UUID")
            wrong(f"NOT match({text}, {literal(UUID_PATTERN)})", "expected a UUID, got other text")
        case Kind.NUMBER:
            lowest, highest = field.column.lowest, field.column.highest
            wrong_json_type("'String', 'Int64', 'UInt64', 'Double'", "a number")
            wrong(
                f"({kind} = 'String' AND NOT (match({text}, {literal(DECIMAL_PATTERN)}) "
                f"AND isFinite(toFloat64OrZero({text}))))",
                "expected a number, got other text",
            )
            wrong(
                f"NOT ifNull(toFloat64OrNull({text}) BETWEEN {lowest:g} AND {highest:g}, 0)",
                f"not between {lowest:g} and {highest:g}",
                RejectReason.OUT_OF_RANGE,
            )
        case Kind.TIME:
            clock = f"concat(substring({text}, 1, 10), ' ', substring({text}, 12, 8))"
            wrong_json_type("'String'", "a time")
            wrong(
                f"NOT match({text}, {literal(TIME_PATTERN)})", "expected a time like 2026-01-31 23:59:59.123456"
            )
            wrong(
                f"NOT (substring({text}, 1, 4) >= '1970' AND substring({text}, 1, 4) < '2299')",
                "the year is not between 1970 and 2298",
                RejectReason.IMPLAUSIBLE_TIME,
            )
            wrong(
                f"NOT ifNull(startsWith(toString(toDateTime64OrNull({clock}, 6, 'UTC')), {clock}), 0)",
                "the month has no such day",
            )
            wrong(
                f"ifNull({_moment(text)}, toDateTime64(0, 6, 'UTC')) < toDateTime64('2000-01-01 00:00:00', 6, 'UTC')",
                "before 2000-01-01",
                RejectReason.IMPLAUSIBLE_TIME,
            )
            wrong(
                f"{_moment(text)} > kafka_time + INTERVAL 1 DAY",
                "more than a day after the message",
                RejectReason.IMPLAUSIBLE_TIME,
            )
    return branches
