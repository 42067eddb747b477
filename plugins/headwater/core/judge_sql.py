"""SQL that parses and judges the messages of a stream, derived from the contract.

Three steps, each a view whose result is complete before the next one reads it, so that nothing is computed twice:
parse (`JSONExtract` into a typed tuple), check (is the message plainly valid? if not, take its raw values), and judge
(look at the raw values field by field, with the rules of `contracts/types.py`). Only messages that are not plainly
valid pay for the last part. `verdict.py` is the same in Python.
"""

from __future__ import annotations

from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import HEARTBEAT_FIELD, MAX_MESSAGE_BYTES, Field, Stream
from headwater.contracts.types import DECIMAL_PATTERN, TIME_PATTERN, UUID_PATTERN, Kind

HEARTBEAT = "heartbeat"
POSITION = "epoch, partition, offset, kafka_time, ingested_at, origin, origin_line"

_TUPLE_TYPES = {
    Kind.UUID: "Nullable(UUID)",
    Kind.TIME: "Nullable(String)",
    Kind.TEXT: "Nullable(String)",
    Kind.FLAG: "Nullable(Bool)",
    Kind.NUMBER: "Nullable(String)",
}
_NULLS = "countSubstrings(raw, '\":null') + countSubstrings(raw, '\": null')"
_JSON_TYPES = "['\"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'"


def literal(text: str) -> str:
    """`text` as a SQL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _whole(pattern: str) -> str:
    return literal(f"^(?:{pattern})$")


def tuple_type(stream: Stream) -> str:
    """Type of the tuple that a message of `stream` is parsed into; NULL where a field is absent or mistyped."""
    return "Tuple(" + ", ".join(f"{field.name} {_TUPLE_TYPES[field.column.kind]}" for field in stream.fields) + ")"


def parse_select(stream: Stream, source: str) -> str:
    """One row per message: its fields as `x`, how many `":` it has, and how many of these stand before a string."""
    return f"""SELECT
    raw, {POSITION},
    JSONExtract(raw, {literal(tuple_type(stream))}) AS x,
    countSubstrings(raw, '":') AS colons,
    countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
FROM {source}"""  # noqa: S608 - every part comes from the contract


def check_select(stream: Stream, source: str) -> str:
    """One row per message: whether it is `usual`; for those that are not, names and raw values of their fields.

    `given` has one value for each field of the contract, in its order: '' when absent, the first of equal names.
    """
    values = ",\n        ".join(f"JSONExtractRaw(raw, {literal(field.name)})" for field in stream.fields)
    return f"""SELECT
    raw, {POSITION}, x,
    {_usual(stream)} AS usual,
    if(usual, [], JSONExtractKeys(raw)) AS names,
    if(usual, [], [
        {values}
    ]) AS given
FROM {source}"""  # noqa: S608 - every part comes from the contract


def judge_select(stream: Stream, source: str) -> str:
    """One row per message: values of all fields, the number of unknown ones, and the verdict."""
    values = ",\n".join(f"    {_value(field, given)} AS {field.name}" for field, given in _given(stream))
    known = ", ".join(literal(field.name) for field in stream.fields)
    return f"""WITH if(usual, ('', '', ''), {_diagnosis(stream)}) AS judged
SELECT
    raw, {POSITION},
{values},
    if(usual, 0, length(arrayDistinct(arrayFilter(n -> n NOT IN ({known}), names)))) AS unknown_fields,
    judged.1 AS verdict,
    judged.2 AS field,
    judged.3 AS detail
FROM {source}"""  # noqa: S608 - every part comes from the contract


def _given(stream: Stream) -> list[tuple[Field, str]]:
    return [(field, f"given[{number}]") for number, field in enumerate(stream.fields, start=1)]


def _usual(stream: Stream) -> str:
    """True for messages that are plainly valid: known fields only, each a string of its usual form, a flag, or null.

    `JSONExtract` finds nothing in invalid JSON, so a message with its required fields is valid JSON. Every key is
    followed by `":`, as no space stands before a colon. Those that are followed neither by a quote nor by the flag
    must be nulls. When there are as many `":` as fields were found plus nulls, no field but a null is repeated, and
    every key is known, unless there are nulls: then the keys are looked at.
    """
    found = " + ".join(f"isNotNull(x.{field.name})" for field in stream.fields)
    known = ", ".join(literal(field.name) for field in stream.fields)
    flags = [field.name for field in stream.fields if field.column.kind is Kind.FLAG]
    nulls = f"(colons - strings{''.join(f' - isNotNull(x.{name})' for name in flags)})"
    tests = [
        f"length(raw) <= {MAX_MESSAGE_BYTES}",
        f"colons = {nulls} + {found}",
        *(f"{_flag_literal(name)} = isNotNull(x.{name})" for name in flags),
        "NOT multiSearchAny(raw, ['\" ', '\"\\t', '\"\\n', '\"\\r'])",
        f"({nulls} = 0 OR ({nulls} = {_NULLS} AND arrayAll(n -> n IN ({known}), JSONExtractKeys(raw))))",
        *(test for field in stream.fields for test in _usual_field(field)),
    ]
    return "ifNull(\n        " + "\n        AND ".join(tests) + ",\n        0)"


def _flag_literal(name: str) -> str:
    words = [literal(f'"{name}":{space}{word}') for space in ("", " ") for word in ("true", "false")]
    return f"multiSearchAny(raw, [{', '.join(words)}])"


def _usual_field(field: Field) -> list[str]:
    x = f"x.{field.name}"
    match field.column.kind:
        case Kind.UUID if field.required:
            return [f"isNotNull({x})"]
        case Kind.TEXT if field.required:
            return [f"{x} != ''"]
        case Kind.TIME:
            parsed = f"toDateTime64OrNull({x}, 6, 'UTC')"
            return [
                f"length({x}) BETWEEN 19 AND 26",
                f"length({x}) != 20",
                f"startsWith(toString({parsed}), {x})",
                f"{parsed} >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC')",
                f"{parsed} < toDateTime64('2299-01-01 00:00:00', 6, 'UTC')",
                f"{parsed} <= kafka_time + INTERVAL 1 DAY",
            ]
        case Kind.NUMBER:
            lowest, highest = field.column.lowest, field.column.highest
            in_range = f"toFloat64OrZero({x}) BETWEEN {lowest:g} AND {highest:g}"
            return [f"(isNull({x}) OR (match({x}, {_whole(DECIMAL_PATTERN)}) AND {in_range}))"]
    return []


def _value(field: Field, given: str) -> str:
    x = f"x.{field.name}"
    match field.column.kind:
        case Kind.UUID if field.required:
            return f"ifNull({x}, toUUID({literal(_NO_UUID)}))"
        case Kind.UUID:
            return f"if(usual, {x}, toUUIDOrNull(trimBoth({given}, '\"')))"
        case Kind.FLAG:
            return f"if(usual, {x}, multiIf({given} = 'true', true, {given} = 'false', false, NULL))"
        case Kind.TIME:
            plain = f"toDateTime64OrNull({x}, 6, 'UTC')"
            return f"ifNull(if(usual, {plain}, {_moment(x)}), toDateTime64(0, 6, 'UTC'))"
        case Kind.TEXT:
            return f"ifNull({x}, '')"
        case Kind.NUMBER:
            return f"toFloat64OrNull({x})"


_NO_UUID = "00000000-0000-0000-0000-000000000000"


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
        ("empty(names) AND NOT isValidJSON(raw)", _verdict(reason.INVALID_JSON, "", "not one JSON value in UTF-8")),
        ("empty(names) AND JSONType(raw) != 'Object'", _verdict(reason.NOT_AN_OBJECT, "", "not a JSON object")),
        (f"has(names, {literal(HEARTBEAT_FIELD)})", f"({literal(HEARTBEAT)}, '', '')"),
        *(branch for field, given in _given(stream) for branch in _field_branches(field, given)),
    ]
    lines = ",\n        ".join(f"{condition}, {outcome}" for condition, outcome in branches)
    return f"multiIf(\n        {lines},\n        ('', '', ''))"


def _verdict(reason: RejectReason, field: str, detail: str) -> str:
    return f"({literal(reason.value)}, {literal(field)}, {literal(detail)})"


def _field_branches(field: Field, value: str) -> list[tuple[str, str]]:
    """Conditions in the order in which they are looked for, each with its verdict."""
    name, kind, x = field.name, field.column.kind, f"x.{field.name}"
    empty = f"{value} IN ('', 'null', '\"\"')"
    is_text = f"startsWith({value}, '\"')"
    branches: list[tuple[str, str]] = []
    if field.required:
        branches.append((empty, _verdict(RejectReason.MISSING_FIELD, name, "absent, null or empty")))

    def wrong(condition: str, detail: str, reason: RejectReason = RejectReason.WRONG_TYPE) -> None:
        branches.append((f"NOT {empty} AND {condition}", _verdict(reason, name, detail)))

    def wrong_json_type(allowed: str, expected: str) -> None:
        detail = f"concat({literal(f'expected {expected}, got ')}, transform(substring({value}, 1, 1), {_JSON_TYPES}))"
        outcome = f"({literal(RejectReason.WRONG_TYPE.value)}, {literal(name)}, {detail})"
        branches.append((f"NOT {empty} AND NOT match({value}, {literal(allowed)})", outcome))

    match kind:
        case Kind.TEXT:
            wrong_json_type('^"', "a string")
        case Kind.FLAG:
            wrong_json_type("^[tf]", "true or false")
        case Kind.UUID:
            wrong_json_type('^"', "a UUID")
            quoted = _whole(f'"(?:{UUID_PATTERN})"')
            wrong(f"NOT match({value}, {quoted})", "expected a UUID, got other text")
        case Kind.NUMBER:
            lowest, highest = field.column.lowest, field.column.highest
            wrong_json_type('^["0-9-]', "a number")
            is_number = f"match({x}, {_whole(DECIMAL_PATTERN)}) AND isFinite(toFloat64OrZero({x}))"
            wrong(f"{is_text} AND NOT ifNull({is_number}, 0)", "expected a number, got other text")
            wrong(
                f"NOT ifNull(toFloat64OrNull({x}) BETWEEN {lowest:g} AND {highest:g}, 0)",
                f"not between {lowest:g} and {highest:g}",
                RejectReason.OUT_OF_RANGE,
            )
        case Kind.TIME:
            wrong_json_type('^"', "a time")
            for condition, detail, reason in _time_tests(x):
                wrong(f"ifNull({condition}, 1)", detail, reason)
    return branches


def _time_tests(x: str) -> list[tuple[str, str, RejectReason]]:
    clock = f"concat(substring({x}, 1, 10), ' ', substring({x}, 12, 8))"
    moment = _moment(x)
    return [
        (
            f"NOT match({x}, {_whole(TIME_PATTERN)})",
            "expected a time like 2026-01-31 23:59:59.123456",
            RejectReason.WRONG_TYPE,
        ),
        (
            f"NOT (substring({x}, 1, 4) >= '1970' AND substring({x}, 1, 4) < '2299')",
            "the year is not between 1970 and 2298",
            RejectReason.IMPLAUSIBLE_TIME,
        ),
        (
            f"NOT startsWith(toString(toDateTime64OrNull({clock}, 6, 'UTC')), {clock})",
            "the month has no such day",
            RejectReason.WRONG_TYPE,
        ),
        (
            f"{moment} < toDateTime64('2000-01-01 00:00:00', 6, 'UTC')",
            "before 2000-01-01",
            RejectReason.IMPLAUSIBLE_TIME,
        ),
        (
            f"{moment} > kafka_time + INTERVAL 1 DAY",
            "more than a day after the message",
            RejectReason.IMPLAUSIBLE_TIME,
        ),
    ]
