"""The verdict on one message in Python: the contract itself, against which the SQL is tested."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import HEARTBEAT_FIELD, MAX_MESSAGE_BYTES, Stream
from headwater.core.strict_json import parse_json


@dataclass(frozen=True, slots=True)
class Accepted:
    """A valid event with its values and the number of fields that the contract does not name."""

    row: dict[str, Any]
    unknown_fields: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that breaks the contract, and where."""

    reason: RejectReason
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A reserved message that measures the way; it is no event."""


def judge(stream: Stream, raw: bytes, kafka_time: datetime) -> Accepted | Rejected | Heartbeat:
    """Judge one message of `stream` that Kafka took at `kafka_time` (aware)."""
    if len(raw) > MAX_MESSAGE_BYTES:
        return Rejected(RejectReason.TOO_LARGE, "", f"over {MAX_MESSAGE_BYTES} bytes")
    try:
        value = parse_json(raw)
    except ValueError:
        return Rejected(RejectReason.INVALID_JSON, "", "not one JSON value in UTF-8")
    if not isinstance(value, dict):
        return Rejected(RejectReason.NOT_AN_OBJECT, "", "not a JSON object")
    if HEARTBEAT_FIELD in value:
        return Heartbeat()
    try:
        event = stream.model.model_validate(value, context={"kafka_time": kafka_time})
    except ValidationError as error:
        return _rejected(error)
    names = {field.name for field in stream.fields}
    row = {name: getattr(event, name) for name in names}
    return Accepted(row, unknown_fields=len(value.keys() - names))


def _rejected(error: ValidationError) -> Rejected:
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0])
    if first["type"] == "missing":
        return Rejected(RejectReason.MISSING_FIELD, field, "absent, null or empty")
    return Rejected(RejectReason(first["type"]), field, first["msg"])
