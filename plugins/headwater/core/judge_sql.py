"""SQL that parses and judges the messages of a stream, derived from the contract.

Parse (`JSONExtract` into a tuple of texts, and is the message plainly valid?), then stage what is, and judge the rest
(look at the raw values field by field, with the rules of `contracts/types.py`). Only messages that are not plainly
valid pay for running the last part, but every insert pays for planning it, by the number of its functions and of the
columns that its steps hand on. Hence one expression for all fields, over arrays. `verdict.py` is the same in Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from textwrap import indent

from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import HEARTBEAT_FIELD, MAX_MESSAGE_BYTES, Field, Stream
from headwater.contracts.types import DECIMAL_PATTERN, TIME_PATTERN, UUID_PATTERN, Column, Kind

HEARTBEAT = "heartbeat"
POSITION = "epoch, partition, offset, kafka_time, ingested_at, origin, origin_line"
MESSAGE = (
    "raw String, epoch UUID, partition UInt32, offset UInt64, kafka_time DateTime64(3, 'UTC'), "
    "ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64"
)
# Where a message stood, taken from the column `message`.
MESSAGE_POSITION = ", ".join(f"message.{name} AS {name}" for name in POSITION.split(", "))

_JSON_TYPES = "['\"', 't', 'f', '{', '['], ['string', 'boolean', 'boolean', 'object', 'array'], 'number'"


def literal(text: str) -> str:
    """`text` as a SQL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _array(texts: Iterable[str]) -> str:
    return "[" + ", ".join(literal(text) for text in texts) + "]"


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _indented(text: str) -> str:
    return "\n" + indent(text, "    ") + "\n"


def _of_kind(stream: Stream, *kinds: Kind) -> list[Field]:
    return [field for field in stream.fields if field.column.kind in kinds]


def parsed_columns(stream: Stream) -> list[tuple[str, str]]:
    """What a message is parsed into: names and types.

    The message itself and where it stood are one column, because every step that hands on a column has to plan it.
    """
    return [
        ("message", f"Tuple({MESSAGE})"),
        ("x", tuple_type(stream)),
        *((f"{field.name}_at", field.column.clickhouse) for field in _of_kind(stream, Kind.TIME)),
        *((f"{field.name}_number", field.column.clickhouse) for field in _of_kind(stream, Kind.NUMBER)),
    ]


def parsed_names(stream: Stream) -> str:
    """The names of `parsed_columns`."""
    return ", ".join(name for name, _ in parsed_columns(stream))


def tuple_type(stream: Stream) -> str:
    """Type of the tuple that a message is parsed into: texts and ids. What is absent or null is empty, like `""`."""
    return "Tuple(" + ", ".join(f"{field.name} {_tuple_type(field)}" for field in stream.fields) + ")"


def _tuple_type(field: Field) -> str:
    match field.column.kind:
        case Kind.UUID:
            return "UUID"
        case Kind.FLAG:
            return "Nullable(Bool)"
    return "LowCardinality(String)" if field.column.clickhouse.startswith("LowCardinality") else "String"


def _extracted(stream: Stream, json: str) -> str:
    return f"JSONExtract({json}, {literal(tuple_type(stream))})"


def _converted(stream: Stream, to_moment: str) -> str:
    """The times and the numbers that some texts stand for, which are looked at and staged."""
    times = [f"{_moment(field, to_moment)} AS {field.name}_at" for field in _of_kind(stream, Kind.TIME)]
    numbers = [f"toFloat64OrNull(x.{f.name}) AS {f.name}_number" for f in _of_kind(stream, Kind.NUMBER)]
    return "".join(f",\n    {column}" for column in (*times, *numbers))


def _moment(field: Field, function: str) -> str:
    if field.required:
        return f"{function}OrZero(x.{field.name}, 6, 'UTC')"
    return f"{function}OrNull(nullIf(x.{field.name}, ''), 6, 'UTC')"


def parse_select(stream: Stream, source: str) -> str:
    """One row per message: its fields as `x`, its times, and whether it is `usual`."""
    # A subquery, because the lazy evaluation of conditions would parse anew.
    extracted = f"""SELECT raw, kafka_time, (raw, {POSITION}) AS message,
    {_extracted(stream, "raw")} AS x, JSONExtractKeys(raw) AS names
FROM {source}"""  # noqa: S608 - every part comes from the contract
    return f"""SELECT message, x{_converted(stream, "toDateTime64")},
    {_usual(stream)} AS usual
FROM
({_indented(extracted)})"""  # noqa: S608 - every part comes from the contract


def staged_select(stream: Stream, source: str, unknown_fields: str, condition: str) -> str:
    """One row per accepted message, as it is staged."""
    values = ",\n".join(f"    {_staged(field)} AS {field.name}" for field in stream.fields)
    return f"""SELECT
{values},
    {unknown_fields} AS unknown_fields,
    {literal(stream.topic)} AS topic, {MESSAGE_POSITION}
FROM {source}
WHERE {condition}"""  # noqa: S608 - every part comes from the contract


def _staged(field: Field) -> str:
    x = f"x.{field.name}"
    match field.column.kind:
        case Kind.TIME:
            return f"{field.name}_at"
        case Kind.NUMBER:
            return f"{field.name}_number"
        case Kind.INTEGER:
            return f"accurateCastOrDefault(toFloat64OrZero({x}), {literal(field.column.clickhouse)})"
    return x


# What `JSONExtract` makes of values that are no strings, where a text is expected, and what that begins with.
_BARE = r"^(?:[\[{]|(?:true|false|-?[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?)$)"
_BARE_BEGINS = "-0123456789[ft{"


def _usual(stream: Stream) -> str:
    """True for messages that are plainly valid: known fields only, once each and in their usual form, or empty.

    `JSONExtract` finds nothing in invalid JSON, so a message with its required fields is valid JSON; where it has keys,
    an object. Mostly these are all fields of the contract in its order, which is found out soonest. Every value but
    null has a text, so an empty one is absent, null or `""`, which are the same.

    The text does not tell a string from another value. So it is not usual when it could come from one; a number may be
    both. The beginning of a flag and the digits of a whole number are looked for behind their names. They are the
    value: within a string a backslash stands before each quote, no other key ends in the name, and no value holds
    objects.
    """
    known = _array(field.name for field in stream.fields)
    odd = "\n        OR ".join(test for field in stream.fields for test in _odd(field))
    # The keys come first: what follows a first condition is computed anew for each use of it.
    return f"""notEmpty(names)
        AND length(raw) <= {MAX_MESSAGE_BYTES}
        AND (names = {known} OR arrayAll(n -> n IN {known}, names) AND arrayUniq(names) = length(names))
        AND NOT ({odd})"""


def _odd(field: Field) -> list[str]:
    """Tests of which one is true where a field is not in its usual form, or absent though it is required."""
    name, x = field.name, f"x.{field.name}"
    match field.column.kind:
        case Kind.UUID:
            return [f"empty({x})"]
        case Kind.TEXT:
            bare = f"match({x}, {literal(_BARE)})"
            # Most texts are told by their first character. A dictionary holds few of them anyway.
            if _tuple_type(field) == "String" and str(field.example)[:1] not in _BARE_BEGINS:
                bare = f"ascii({x}) IN {tuple(map(ord, _BARE_BEGINS))} AND {bare}"
            # A text that is JSON by its nature would never be usual: its type is looked up.
            if re.match(_BARE, str(field.example)):
                bare = f"({bare} AND JSONType(raw, {literal(name)}) != 'String')"
            return [bare, *([f"{x} = ''"] if field.required else [])]
        case Kind.TIME:
            tests = [
                f"length({x}) NOT IN (19, 21, 22, 23, 24, 25, 26)",
                f"{x} < '2000'",
                f"{x} >= '2299'",
                f"NOT startsWith(toString({name}_at), {x})",
                f"{name}_at > addDays(kafka_time, 1)",
            ]
        case Kind.FLAG:
            return [*([f"isNull({x})"] if field.required else []), _odd_flag(name)]
        case Kind.NUMBER:
            decimal = f"NOT match({x}, {literal(_whole(f'|{DECIMAL_PATTERN}'))})"
            return [decimal, _out_of_range(field, f"ifNull({name}_number, 0)")]
        case Kind.INTEGER:
            digits = f'"{name}": ?[0-9]'
            tests = [
                f"NOT match({x}, '^[0-9]{{1,12}}$')",
                _out_of_range(field, f"toFloat64OrZero({x})"),
                f"NOT match(raw, {literal(digits)})",
            ]
    return tests if field.required else [f"({x} != '' AND ifNull({' OR '.join(tests)}, 1))"]


def _odd_flag(name: str) -> str:
    """Whether the name is there, but not with a value that is a flag, null or empty, by the first three characters.

    Where it is not found, as when it is written with escapes, what is cut out is empty.
    """
    key = f'"{name}":'
    length = len(key) + 3
    values = ("true", "false", "null", '"",', '""}')
    usual = dict.fromkeys(f"{key}{space}{value}"[:length] for space in ("", " ") for value in values)
    found = f"substring(raw, position(raw, {literal(key)}), {length})"
    return f"{found} NOT IN ({', '.join(map(literal, usual))}) AND has(names, {literal(name)})"


def _out_of_range(field: Field, number: str) -> str:
    return f"{number} NOT BETWEEN {field.column.lowest:.12g} AND {field.column.highest:.12g}"


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
# For some kinds: the form of its JSON, and the number of what is wrong with another. The form of a whole number is a
# question of its value.
_FORMS = {
    Kind.UUID: (_whole(f'"(?:{UUID_PATTERN})"'), _UUID),
    Kind.TIME: (_whole(f'"(?:{TIME_PATTERN})"'), _TIME),
    Kind.NUMBER: ('^[^"]|' + _whole(f'"(?:{DECIMAL_PATTERN})"'), _NUMBER),
    Kind.INTEGER: ("", _FRACTION),
}


def judge_select(stream: Stream, source: str) -> str:
    """One row per message that is not usual: its fields and times, the number of unknown fields, and the verdict.

    `given` has the JSON of each field of the contract, in its order: the first of equal names, null when it is absent
    or empty. `faults` has a number for each of them, and `which` is the first with a fault. `x` is made of `given`
    anew: of equal names `JSONExtract` takes the first that is not null.
    """
    names = _array(field.name for field in stream.fields)
    given = f"arrayMap(g -> if(g IN ('', '\"\"'), 'null', g), arrayMap(n -> JSONExtractRaw(raw, n), {names}))"
    steps = f"""SELECT message, message.raw AS raw, message.kafka_time AS kafka_time
FROM {source}
WHERE NOT usual"""  # noqa: S608 - every part comes from the contract
    x = _extracted(stream, "concat('[', arrayStringConcat(given, ','), ']')")
    # Subqueries, because the analyzer expands an alias anew wherever it is used.
    for step in (
        f"JSONExtractKeys(raw) AS names, {given} AS given",
        f"{_faults(stream)} AS faults",
        f"{x} AS x, arrayFirstIndex(f -> f != 0, faults) AS which, {_judged()} AS judged",
    ):
        steps = f"SELECT *, {step}\nFROM\n({_indented(steps)})"
    return f"""SELECT
    message, x{_converted(stream, "parseDateTime64BestEffort")},
    length(arrayExcept(arrayDistinct(names), {names})) AS unknown_fields,
{_verdict(stream)}
FROM
({_indented(steps)})"""  # noqa: S608 - every part comes from the contract


def _faults(stream: Stream) -> str:
    """For every field the number of what is wrong with it; 0: nothing."""
    columns = [field.column for field in stream.fields]
    arguments = {
        "g": "given",
        "needed": str([int(field.required) for field in stream.fields]),
        "begins": _array(_BEGINS[column.kind][0] for column in columns),
        "other": str([_FORMS[column.kind][1] if column.kind in _FORMS else 0 for column in columns]),
    }
    tests = [f"g = 'null', needed * {_MISSING}", f"position(begins, substring(g, 1, 1)) = 0, {_JSON_TYPE}"]
    for kind, (form, fault) in _FORMS.items():
        if form and _of_kind(stream, kind):
            tests.append(f"other = {fault} AND NOT match(g, {literal(form)}), other")
    texts = "arrayMap(g -> trimBoth(g, '\"'), given)"
    if _of_kind(stream, Kind.TIME):
        arguments |= {
            "t": texts,
            "moment": f"arrayMap(t -> parseDateTime64BestEffortOrNull(t, 6, 'UTC'), {texts})",
        }
        tests.append(
            f"""other = {_TIME}, multiIf(
            t < '1970' OR t >= '2299', {_YEAR},
            isNull(moment), {_DAY},
            moment < toDateTime64('2000-01-01 00:00:00', 6, 'UTC'), {_EARLY},
            moment > addDays(kafka_time, 1), {_AHEAD}, 0)"""
        )
    if _of_kind(stream, Kind.NUMBER, Kind.INTEGER):
        arguments |= {
            "number": f"arrayMap(t -> toFloat64OrZero(t), {texts})",
            "lowest": "[" + ", ".join(f"{column.lowest:.12g}" for column in columns) + "]",
            "highest": "[" + ", ".join(f"{column.highest:.12g}" for column in columns) + "]",
        }
        tests += [
            f"other = {_NUMBER} AND NOT isFinite(number), {_NUMBER}",
            f"other = {_FRACTION} AND number != floor(number), {_FRACTION}",
            f"number < lowest OR number > highest, {_RANGE}",
        ]
    cases = ",\n        ".join(tests)
    return f"arrayMap(({', '.join(arguments)}) -> multiIf(\n        {cases}, 0),\n    {', '.join(arguments.values())})"


def _judged() -> str:
    """The number of what the message is; 0: accepted."""
    return f"""multiIf(
        length(raw) > {MAX_MESSAGE_BYTES}, {_TOO_LARGE},
        empty(names) AND NOT isValidJSON(raw), {_NO_JSON},
        empty(names) AND JSONType(raw) != 'Object', {_NO_OBJECT},
        has(names, {literal(HEARTBEAT_FIELD)}), {_HEARTBEAT},
        arrayFirst(f -> f != 0, faults)
    )"""


def _verdict(stream: Stream) -> str:
    """The columns verdict, field and detail, from `judged` and `which`."""
    verdicts = _array([reason.value for reason, _ in _FAULTS.values()] + [verdict for verdict, _ in _WHOLES.values()])
    details = _array([detail for _, detail in _FAULTS.values()] + [detail for _, detail in _WHOLES.values()])
    names = _array(field.name for field in stream.fields)
    expected = _array(_BEGINS[field.column.kind][1] for field in stream.fields)
    ranges = _array(range_detail(field.column) for field in stream.fields)
    got = f"transform(substring(given[which], 1, 1), {_JSON_TYPES})"
    return f"""    {verdicts}[judged] AS verdict,
    {names}[if(judged > {_RANGE}, 0, which)] AS field,
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
