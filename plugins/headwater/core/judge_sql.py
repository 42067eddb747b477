"""SQL that parses and judges the messages of a stream, derived from the contract.

Parse (`JSONExtract` into a typed tuple, and is the message plainly valid?), then stage what is, and judge the rest
(look at the raw values field by field, with the rules of `contracts/types.py`). Only messages that are not plainly
valid pay for the last part. `verdict.py` is the same in Python.
"""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import indent

from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import HEARTBEAT_FIELD, MAX_MESSAGE_BYTES, Field, Stream
from headwater.contracts.types import DECIMAL_PATTERN, TIME_PATTERN, UUID_PATTERN, Column, Kind

HEARTBEAT = "heartbeat"
POSITION = "epoch, partition, offset, kafka_time, ingested_at, origin, origin_line"

_TUPLE_TYPES = {
    Kind.UUID: "Nullable(UUID)",
    Kind.TIME: "Nullable(String)",
    Kind.TEXT: "Nullable(String)",
    Kind.FLAG: "Nullable(Bool)",
    Kind.NUMBER: "Nullable(String)",
    Kind.INTEGER: "Nullable(String)",
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
    return "Tuple(" + ", ".join(f"{field.name} {_tuple_type(field)}" for field in stream.fields) + ")"


def _tuple_type(field: Field) -> str:
    type_ = _TUPLE_TYPES[field.column.kind]
    return f"LowCardinality({type_})" if field.column.clickhouse.startswith("LowCardinality") else type_


def parse_select(stream: Stream, source: str) -> str:
    """One row per message: its fields as `x`, its times, and whether it is `usual`."""
    times = "".join(f"\n        {_plain_time(f'x.{field.name}')} AS {field.name}_at," for field in _times(stream))
    names = "".join(f"{field.name}_at, " for field in _times(stream))
    return f"""SELECT raw, {POSITION}, x, {names}
    {_usual(stream)} AS usual
FROM
(
    SELECT
        raw, {POSITION},
        JSONExtract(raw, {literal(tuple_type(stream))}) AS x,{times}
        countSubstrings(raw, '":') AS colons,
        countSubstrings(raw, '":"') + countSubstrings(raw, '": "') AS strings
    FROM {source}
)"""  # noqa: S608 - every part comes from the contract


def usual_select(stream: Stream, source: str) -> str:
    """One row per usual message, as it is staged."""
    values = ",\n".join(f"    {_usual_value(field)} AS {field.name}" for field in stream.fields)
    return f"""SELECT
{values},
    toUInt32(0) AS unknown_fields,
    {literal(stream.topic)} AS topic, {POSITION}
FROM {source}
WHERE usual"""  # noqa: S608 - every part comes from the contract


def judge_select(stream: Stream, source: str) -> str:
    """One row per message that is not usual: values of all fields, the number of unknown ones, and the verdict.

    `given` has one value for each field of the contract, in its order: '' when absent, the first of equal names.
    """
    values = ",\n".join(f"    {_value(field, given)} AS {field.name}" for field, given in _given(stream))
    known = ", ".join(literal(field.name) for field in stream.fields)
    steps = f"""SELECT raw, {POSITION}, x, JSONExtractKeys(raw) AS names, {_raw_values(stream)} AS given
FROM {source}
WHERE NOT usual"""  # noqa: S608 - every part comes from the contract
    # Subqueries, because the analyzer expands an alias anew wherever it is used.
    for step in _diagnosis(stream):
        steps = f"SELECT *, {step}\nFROM\n({_indented(steps)})"
    return f"""SELECT
    raw, {POSITION},
{values},
    length(arrayDistinct(arrayFilter(n -> n NOT IN ({known}), names))) AS unknown_fields,
{_verdict(stream)}
FROM
({_indented(steps)})"""  # noqa: S608 - every part comes from the contract


def _raw_values(stream: Stream) -> str:
    return "[" + ", ".join(f"JSONExtractRaw(raw, {literal(field.name)})" for field in stream.fields) + "]"


def _indented(text: str) -> str:
    return "\n" + indent(text, "    ") + "\n"


def _times(stream: Stream) -> list[Field]:
    return [field for field in stream.fields if field.column.kind is Kind.TIME]


def _plain_time(x: str) -> str:
    return f"toDateTime64OrNull({x}, 6, 'UTC')"


def _given(stream: Stream) -> list[tuple[Field, str]]:
    return [(field, f"given[{number}]") for number, field in enumerate(stream.fields, start=1)]


def _usual(stream: Stream) -> str:
    """True for messages that are plainly valid: known fields only, each in its usual form, or null.

    `JSONExtract` finds nothing in invalid JSON, so a message with its required fields is valid JSON. Every key is
    followed by `":`, as no space stands before a colon. Those that are followed neither by a quote nor by a flag or
    whole number must be nulls. When there are as many `":` as fields were found plus nulls, no field but a null is
    repeated, and every key is known, unless there are nulls: then the keys are looked at.
    """
    found = " + ".join(f"isNotNull(x.{field.name})" for field in stream.fields)
    known = ", ".join(literal(field.name) for field in stream.fields)
    bare = [field for field in stream.fields if field.column.kind in _BARE]
    nulls = f"(colons - strings{''.join(f' - isNotNull(x.{field.name})' for field in bare)})"
    tests = [
        f"length(raw) <= {MAX_MESSAGE_BYTES}",
        f"colons = {nulls} + {found}",
        *(f"{_BARE[field.column.kind](field.name)} = isNotNull(x.{field.name})" for field in bare),
        "NOT multiSearchAny(raw, ['\" ', '\"\\t', '\"\\n', '\"\\r'])",
        f"({nulls} = 0 OR ({nulls} = {_NULLS} AND arrayAll(n -> n IN ({known}), JSONExtractKeys(raw))))",
        *(test for field in stream.fields for test in _usual_field(field)),
    ]
    return "ifNull(\n        " + "\n        AND ".join(tests) + ",\n        0)"


def _flag_literal(name: str) -> str:
    words = [literal(f'"{name}":{space}{word}') for space in ("", " ") for word in ("true", "false")]
    return f"multiSearchAny(raw, [{', '.join(words)}])"


def _digits(name: str) -> str:
    pattern = f'"{name}": ?[0-9]'
    return f"match(raw, {literal(pattern)})"


# Kinds whose usual form is no string: how to see that form in the message.
_BARE = {Kind.FLAG: _flag_literal, Kind.INTEGER: _digits}


def _usual_field(field: Field) -> list[str]:
    x = f"x.{field.name}"
    match field.column.kind:
        case Kind.UUID if field.required:
            return [f"isNotNull({x})"]
        case Kind.TEXT if field.required:
            return [f"{x} != ''"]
        case Kind.TIME:
            parsed = f"{field.name}_at"
            tests = [
                f"length({x}) BETWEEN 19 AND 26",
                f"length({x}) != 20",
                f"startsWith(toString({parsed}), {x})",
                f"{parsed} >= toDateTime64('2000-01-01 00:00:00', 6, 'UTC')",
                f"{parsed} < toDateTime64('2299-01-01 00:00:00', 6, 'UTC')",
                f"{parsed} <= kafka_time + INTERVAL 1 DAY",
            ]
            return tests if field.required else [f"(isNull({x}) OR ({' AND '.join(tests)}))"]
        case Kind.NUMBER:
            lowest, highest = field.column.lowest, field.column.highest
            in_range = f"toFloat64OrZero({x}) BETWEEN {lowest:g} AND {highest:g}"
            return [f"(isNull({x}) OR (match({x}, {_whole(DECIMAL_PATTERN)}) AND {in_range}))"]
        case Kind.INTEGER:
            test = f"match({x}, '^[0-9]{{1,12}}$') AND {_in_range(field)}"
            return [test if field.required else f"(isNull({x}) OR ({test}))"]
    return []


def _in_range(field: Field) -> str:
    return f"toFloat64OrZero(x.{field.name}) BETWEEN {field.column.lowest:.12g} AND {field.column.highest:.12g}"


def _whole_number(field: Field) -> str:
    return f"accurateCastOrDefault(toFloat64OrZero(x.{field.name}), {literal(field.column.clickhouse)})"


def _usual_value(field: Field) -> str:
    """The value of a usual message; what is absent stands in the tuple as the default of its type."""
    x = f"x.{field.name}"
    match field.column.kind:
        case Kind.UUID if not field.required:
            return x
        case Kind.FLAG:
            return x
        case Kind.TIME:
            return f"assumeNotNull({field.name}_at)" if field.required else f"{field.name}_at"
        case Kind.NUMBER:
            return f"toFloat64OrNull({x})"
        case Kind.INTEGER:
            return _whole_number(field)
    return f"assumeNotNull({x})"


def _value(field: Field, given: str) -> str:
    x = f"x.{field.name}"
    match field.column.kind:
        case Kind.UUID if field.required:
            return f"ifNull({x}, toUUID({literal(_NO_UUID)}))"
        case Kind.UUID:
            return f"toUUIDOrNull(trimBoth({given}, '\"'))"
        case Kind.FLAG:
            return f"multiIf({given} = 'true', true, {given} = 'false', false, NULL)"
        case Kind.TIME if not field.required:
            return f"{field.name}_moment"
        case Kind.TIME:
            return f"ifNull({field.name}_moment, toDateTime64(0, 6, 'UTC'))"
        case Kind.TEXT:
            return f"ifNull({x}, '')"
        case Kind.NUMBER:
            return f"toFloat64OrNull({x})"
        case Kind.INTEGER:
            return f"ifNull({_whole_number(field)}, 0)"


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


# What can be wrong with a field, by number: reason and detail. The details of two of them depend on the field.
_MISSING, _JSON_TYPE, _UUID, _TIME, _YEAR, _DAY, _EARLY, _AHEAD, _NUMBER, _FRACTION, _RANGE = range(1, 12)
_FAULTS = {
    _MISSING: (RejectReason.MISSING_FIELD, "absent, null or empty"),
    _JSON_TYPE: (RejectReason.WRONG_TYPE, ""),
    _UUID: (RejectReason.WRONG_TYPE, "expected a UUID, got other text"),
    _TIME: (RejectReason.WRONG_TYPE, "expected a time like 2026-01-31 23:59:59.123456"),
    _YEAR: (RejectReason.IMPLAUSIBLE_TIME, "the year is not between 1970 and 2298"),
    _DAY: (RejectReason.WRONG_TYPE, "the month has no such day"),
    _EARLY: (RejectReason.IMPLAUSIBLE_TIME, "before 2000-01-01"),
    _AHEAD: (RejectReason.IMPLAUSIBLE_TIME, "more than a day after the message"),
    _NUMBER: (RejectReason.WRONG_TYPE, "expected a number, got other text"),
    _FRACTION: (RejectReason.WRONG_TYPE, "expected a whole number, got a fraction"),
    _RANGE: (RejectReason.OUT_OF_RANGE, ""),
}
# What a whole message can be, by number, after the faults of fields.
_TOO_LARGE, _NO_JSON, _NO_OBJECT, _HEARTBEAT = range(12, 16)
_WHOLES = {
    _TOO_LARGE: (RejectReason.TOO_LARGE.value, f"over {MAX_MESSAGE_BYTES} bytes"),
    _NO_JSON: (RejectReason.INVALID_JSON.value, "not one JSON value in UTF-8"),
    _NO_OBJECT: (RejectReason.NOT_AN_OBJECT.value, "not a JSON object"),
    _HEARTBEAT: (HEARTBEAT, ""),
}
# For each kind: how its JSON may begin, and what to call it.
_BEGINS = {
    Kind.TEXT: ('"', "a string"),
    Kind.UUID: ('"', "a UUID"),
    Kind.TIME: ('"', "a time"),
    Kind.FLAG: ("tf", "true or false"),
    Kind.NUMBER: ('"-0123456789', "a number"),
    Kind.INTEGER: ("-0123456789", "a whole number"),
}


def _array(texts: Iterable[str]) -> str:
    return "[" + ", ".join(literal(text) for text in texts) + "]"


def _diagnosis(stream: Stream) -> list[str]:
    """Expressions that lead, one after the other, from `names` and `given` to `judged`, the number of what the message
    is; 0: accepted.

    `begins` has the first character of each field's JSON, empty for a field that is absent, null or empty; `faults` a
    number for each field, in the order of the contract; `which` is the first field with a fault.
    """
    fields = stream.fields
    required = ", ".join(str(int(field.required)) for field in fields)
    allowed = _array(_BEGINS[field.column.kind][0] for field in fields)
    specials = ",\n        ".join(_special(field, f"given[{i}]", f"begins[{i}]") for i, field in enumerate(fields, 1))
    moments = "".join(f", {_moment(f'x.{field.name}')} AS {field.name}_moment" for field in _times(stream))
    return [
        f"arrayMap(g -> if(g IN ('', 'null', '\"\"'), '', substring(g, 1, 1)), given) AS begins{moments}",
        f"""arrayMap((b, needed, allowed, special) ->
        multiIf(b = '', needed * {_MISSING}, position(allowed, b) = 0, {_JSON_TYPE}, special),
    begins, [{required}], {allowed}, [
        {specials}
    ]) AS faults""",
        "arrayFirstIndex(f -> f != 0, faults) AS which",
        f"""multiIf(
        length(raw) > {MAX_MESSAGE_BYTES}, {_TOO_LARGE},
        empty(names) AND NOT isValidJSON(raw), {_NO_JSON},
        empty(names) AND JSONType(raw) != 'Object', {_NO_OBJECT},
        has(names, {literal(HEARTBEAT_FIELD)}), {_HEARTBEAT},
        faults[which]
    ) AS judged""",
    ]


def _verdict(stream: Stream) -> str:
    """The columns verdict, field and detail, from `judged` and `which`."""
    verdicts = _array([reason.value for reason, _ in _FAULTS.values()] + [verdict for verdict, _ in _WHOLES.values()])
    details = _array([detail for _, detail in _FAULTS.values()] + [detail for _, detail in _WHOLES.values()])
    names = _array(field.name for field in stream.fields)
    expected = _array(_BEGINS[field.column.kind][1] for field in stream.fields)
    columns = [field.column for field in stream.fields]
    ranges = _array(range_detail(c) for c in columns)
    got = f"transform(begins[which], {_JSON_TYPES})"
    return f"""    {verdicts}[judged] AS verdict,
    if(judged > {_RANGE}, '', {names}[which]) AS field,
    multiIf(
        judged = {_JSON_TYPE}, concat('expected ', {expected}[which], ', got ', {got}),
        judged = {_RANGE}, {ranges}[which],
        {details}[judged]
    ) AS detail"""


def range_detail(column: Column) -> str:
    """What is said of a number that is out of the range of its column; empty for other kinds."""
    if column.kind not in {Kind.NUMBER, Kind.INTEGER}:
        return ""
    return f"not between {column.lowest:.12g} and {column.highest:.12g}"


def _special(field: Field, given: str, begins: str) -> str:
    """The number of what is wrong with the text of a field whose JSON type is right; 0: nothing."""
    x = f"x.{field.name}"
    match field.column.kind:
        case Kind.UUID:
            quoted = _whole(f'"(?:{UUID_PATTERN})"')
            return f"if(match({given}, {quoted}), 0, {_UUID})"
        case Kind.NUMBER:
            lowest, highest = field.column.lowest, field.column.highest
            is_number = f"match({x}, {_whole(DECIMAL_PATTERN)}) AND isFinite(toFloat64OrZero({x}))"
            return (
                f"multiIf({begins} = '\"' AND NOT ifNull({is_number}, 0), {_NUMBER}, "
                f"NOT ifNull(toFloat64OrNull({x}) BETWEEN {lowest:g} AND {highest:g}, 0), {_RANGE}, 0)"
            )
        case Kind.INTEGER:
            value = f"toFloat64OrNull({x})"
            return (
                f"multiIf(NOT ifNull({value} = floor({value}), 0), {_FRACTION}, "
                f"NOT ifNull({_in_range(field)}, 0), {_RANGE}, 0)"
            )
        case Kind.TIME:
            tests = ",\n            ".join(
                f"ifNull({condition}, 1), {fault}" for condition, fault in _time_tests(field)
            )
            return f"multiIf(\n            {tests}, 0)"
    return "0"


def _time_tests(field: Field) -> list[tuple[str, int]]:
    x, moment = f"x.{field.name}", f"{field.name}_moment"
    clock = f"concat(substring({x}, 1, 10), ' ', substring({x}, 12, 8))"
    return [
        (f"NOT match({x}, {_whole(TIME_PATTERN)})", _TIME),
        (f"NOT (substring({x}, 1, 4) >= '1970' AND substring({x}, 1, 4) < '2299')", _YEAR),
        (f"NOT startsWith(toString(toDateTime64OrNull({clock}, 6, 'UTC')), {clock})", _DAY),
        (f"{moment} < toDateTime64('2000-01-01 00:00:00', 6, 'UTC')", _EARLY),
        (f"{moment} > kafka_time + INTERVAL 1 DAY", _AHEAD),
    ]
