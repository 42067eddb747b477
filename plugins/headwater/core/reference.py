"""The reference of the events and their JSON Schemas, written from the contract."""

from __future__ import annotations

import json
from collections.abc import Mapping

from headwater.assets import asset
from headwater.contracts.json_schema import json_schema
from headwater.contracts.rejects import HELP, RejectReason
from headwater.contracts.streams import HEARTBEAT_FIELD, MAX_MESSAGE_BYTES, STREAMS, Field, Stream
from headwater.contracts.types import Kind
from headwater.core.checks import parse_check
from headwater.core.proofs import ACCOUNTS, INGESTION, PROVEN, proofs_page
from headwater.core.schema_reference import read_tables, warehouse_page
from headwater.core.strict_json import MAX_DEPTH

_HEAD = f"""# Events

Written by `headwater reference` from the contract (`headwater.contracts`); do not edit by hand.

A topic carries one JSON object per message, in UTF-8, without an envelope. Topics are made from
[kafka/topics.yaml](../../kafka/topics.yaml). All times are UTC. Every message gets exactly one verdict: it is accepted
and goes to the staging table of its stream, or it is rejected with one reason and goes to `ops.dead_letters`. One bad
message never costs its neighbours.

- Absent, `null` and `""` are the same. Optional text becomes `''`, optional numbers and flags become NULL.
- Fields that the contract does not name are allowed, and counted in `unknown_fields`.
- Age alone never rejects an event. Its time is held against the time at which Kafka took the message, so that the same
  message gets the same verdict on every attempt.
- A message with the field `{HEARTBEAT_FIELD}` is a heartbeat of the platform itself, and no event.

## How values are read

| type | accepted |
|---|---|
| UUID | a string of 32 hexadecimal digits, with dashes (8-4-4-4-12) or without |
| time | a string `YYYY-MM-DD HH:MM:SS`, with `T` instead of the space, a fraction of 1–6 digits and `Z` or an offset like `+05:30` where wanted; without an offset it is UTC |
| text | a string |
| flag | `true` or `false` |
| number | a number, or a string such as `"50.43"`; finite and in range |
| whole number | a number without a fraction, such as `7` or `7.0`, in range |

JSON is read strictly, as the engine's parser does:

- At most one byte order mark, at the start. Strings hold no half of a surrogate pair.
- `NaN`, `Infinity` and numbers too large for a double are no JSON. A whole number beyond 64 bits counts as the text of
  its digits.
- Of equal keys in one object the first counts.
- Arrays and objects that hold something are at most {MAX_DEPTH:,} deep.
- A message is at most {MAX_MESSAGE_BYTES:,} bytes long.

## Why a message is rejected

The first three reasons are about the whole message, and no field is named. Otherwise the fields are looked at in the
order of the tables below, and the first one that is wrong is named with its reason.

| reason | meaning |
|---|---|
"""  # noqa: E501 - a row of a table is one line

_TYPES = {
    Kind.UUID: "UUID",
    Kind.TIME: "time",
    Kind.TEXT: "text",
    Kind.FLAG: "flag",
    Kind.NUMBER: "number",
    Kind.INTEGER: "whole number",
}


def reference_files() -> Mapping[str, str]:
    """Text of every generated file by its path below `docs/reference`."""
    schemas = {f"schemas/{name}.json": schema_text(stream) for name, stream in STREAMS.items()}
    tables = read_tables(asset("clickhouse/schema.sql").read_text(), migrations_text())
    return {
        "events.md": reference_page(),
        "warehouse.md": warehouse_page(tables),
        "../why-the-numbers-are-right.md": _proofs_page(),
        **schemas,
    }


def _proofs_page() -> str:
    root = asset("clickhouse/sql")
    paths = [(kind, path) for kind in PROVEN for path in sorted((root / "quality" / kind.value).glob("*.sql"))]
    checks = [parse_check(kind, path.stem, path.read_text()) for kind, path in paths]
    names = [INGESTION.sql_name, ACCOUNTS.sql_name, *(check.sql_name for check in checks)]
    return proofs_page(checks, {name: (root / f"{name}.sql").read_text() for name in names})


def migrations_text() -> str:
    """Every migration, in order."""
    return "\n".join(path.read_text() for path in sorted(asset("clickhouse/migrations").glob("*.sql")))


def schema_text(stream: Stream) -> str:
    """JSON Schema of the stream as text."""
    return json.dumps(json_schema(stream), indent=2, ensure_ascii=False) + "\n"


def reference_page() -> str:
    """The page about all streams, in Markdown."""
    reasons = "".join(f"| `{reason.value}` | {HELP[reason]} |\n" for reason in RejectReason)
    return _HEAD + reasons + "".join(_section(stream) for stream in STREAMS.values())


def example_message(stream: Stream) -> str:
    """A message with every field of the stream."""
    return json.dumps({field.name: field.example for field in stream.fields}, indent=2, ensure_ascii=False)


def _section(stream: Stream) -> str:
    rows = "".join(_row(field) for field in stream.fields)
    return f"""
## {stream.topic}

{stream.model.__doc__} Message key: `{stream.key_field}`.
Staging table: `{stream.staging_table}`. Version {stream.version}; [JSON Schema](schemas/{stream.name}.json).

| field | required | type | column | meaning |
|---|---|---|---|---|
{rows}
```json
{example_message(stream)}
```
"""


def _row(field: Field) -> str:
    column = field.column
    numeric = column.kind in {Kind.NUMBER, Kind.INTEGER}
    ranged = f" {column.lowest:.12g} to {column.highest:.12g}" if numeric else ""
    personal = " Personal data." if column.personal else ""
    required = "yes" if field.required else ""
    meaning = f"{field.description}{personal}"
    return f"| `{field.name}` | {required} | {_TYPES[column.kind]}{ranged} | `{column.clickhouse}` | {meaning} |\n"
