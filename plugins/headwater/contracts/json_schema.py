"""JSON Schema of a stream's messages, for producers who check before they send.

What a schema cannot say (days of a month, times against Kafka's, ranges of numbers written as text) the schema
lets pass: it never refuses what the contract accepts.
"""

from __future__ import annotations

from typing import Any

from headwater.contracts.streams import Field, Stream
from headwater.contracts.types import DECIMAL_PATTERN, TIME_PATTERN, UUID_PATTERN, Kind


def json_schema(stream: Stream) -> dict[str, Any]:
    """Schema (draft 2020-12) of one message of `stream`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": stream.topic,
        "description": f"{stream.model.__doc__} Version {stream.version} of the contract.",
        "type": "object",
        "required": [field.name for field in stream.fields if field.required],
        "properties": {field.name: _property(field) for field in stream.fields},
        "additionalProperties": True,
    }


def _property(field: Field) -> dict[str, Any]:
    value = _value(field)
    notes = {
        "description": field.description,
        "examples": [field.example],
        "x-clickhouse": field.column.clickhouse,
        **({"x-personal-data": True} if field.column.personal else {}),
    }
    return {**notes, **(value if field.required else {"anyOf": [value, {"enum": [None, ""]}]})}


def _value(field: Field) -> dict[str, Any]:
    match field.column.kind:
        case Kind.UUID:
            return {"type": "string", "pattern": f"^(?:{UUID_PATTERN})$"}
        case Kind.TIME:
            return {"type": "string", "pattern": f"^(?:{TIME_PATTERN})$"}
        case Kind.FLAG:
            return {"type": "boolean"}
        case Kind.NUMBER:
            return {
                "anyOf": [
                    {"type": "number", "minimum": field.column.lowest, "maximum": field.column.highest},
                    {"type": "string", "pattern": f"^(?:{DECIMAL_PATTERN})$"},
                ]
            }
        case Kind.INTEGER:
            return {"type": "integer", "minimum": field.column.lowest, "maximum": field.column.highest}
    return {"type": "string", "minLength": 1} if field.required else {"type": "string"}
