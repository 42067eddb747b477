"""Field types of the contract: how a JSON value is judged, and the ClickHouse type it becomes.

Every rule here has a twin in `core/parse_sql.py`; a differential test holds them together.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from headwater.contracts.rejects import RejectReason

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_AHEAD = timedelta(days=1)

# Patterns for whole values, in the syntax that Python's `re` and the engine's RE2 share.
UUID_PATTERN = r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
DECIMAL_PATTERN = r"[+-]?[0-9]{1,15}(?:\.[0-9]{0,17})?(?:[eE][+-]?[0-9]{1,3})?"
TIME_PATTERN = (
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?"
)


class Kind(StrEnum):
    """What a field's JSON value must be."""

    UUID = "uuid"
    TIME = "time"
    TEXT = "text"
    FLAG = "flag"
    NUMBER = "number"
    INTEGER = "integer"


@dataclass(frozen=True, slots=True)
class Column:
    """How a field of the contract stands in ClickHouse."""

    kind: Kind
    clickhouse: str
    personal: bool = False
    lowest: float = -math.inf
    highest: float = math.inf


def _refuse(reason: RejectReason, detail: str) -> PydanticCustomError:
    return PydanticCustomError(reason.value, "{detail}", {"detail": detail})


def json_type(value: Any) -> str:
    """Name of a JSON value's type, for details of rejects."""
    names = {str: "string", bool: "boolean", dict: "object", list: "array", type(None): "null"}
    return names.get(type(value), "number")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _refuse(RejectReason.WRONG_TYPE, f"expected a string, got {json_type(value)}")
    return value


def _uuid(value: Any) -> UUID:
    if not isinstance(value, str):
        raise _refuse(RejectReason.WRONG_TYPE, f"expected a UUID, got {json_type(value)}")
    if not re.fullmatch(UUID_PATTERN, value):
        raise _refuse(RejectReason.WRONG_TYPE, "expected a UUID, got other text")
    return UUID(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refuse(RejectReason.WRONG_TYPE, f"expected true or false, got {json_type(value)}")
    return value


def _time(value: Any, info: ValidationInfo) -> datetime:
    if not isinstance(value, str):
        raise _refuse(RejectReason.WRONG_TYPE, f"expected a time, got {json_type(value)}")
    if not re.fullmatch(TIME_PATTERN, value):
        raise _refuse(RejectReason.WRONG_TYPE, "expected a time like 2026-01-31 23:59:59.123456")
    if not "1970" <= value[:4] < "2299":
        raise _refuse(RejectReason.IMPLAUSIBLE_TIME, "the year is not between 1970 and 2298")
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise _refuse(RejectReason.WRONG_TYPE, "the month has no such day") from None
    moment = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    if moment < EARLIEST:
        raise _refuse(RejectReason.IMPLAUSIBLE_TIME, "before 2000-01-01")
    if info.context is not None and moment > info.context["kafka_time"] + LATEST_AHEAD:
        raise _refuse(RejectReason.IMPLAUSIBLE_TIME, "more than a day after the message")
    return moment


def _number(lowest: float, highest: float) -> Any:
    def validate(value: Any) -> float:
        if isinstance(value, str):
            if not re.fullmatch(DECIMAL_PATTERN, value) or not math.isfinite(float(value)):
                raise _refuse(RejectReason.WRONG_TYPE, "expected a number, got other text")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise _refuse(RejectReason.WRONG_TYPE, f"expected a number, got {json_type(value)}")
        number = float(value)
        if not lowest <= number <= highest:
            raise _refuse(RejectReason.OUT_OF_RANGE, f"not between {lowest:.12g} and {highest:.12g}")
        return number

    return validate


def _integer(lowest: int, highest: int) -> Any:
    def validate(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _refuse(RejectReason.WRONG_TYPE, f"expected a whole number, got {json_type(value)}")
        if value != math.floor(value):
            raise _refuse(RejectReason.WRONG_TYPE, "expected a whole number, got a fraction")
        if not lowest <= value <= highest:
            raise _refuse(RejectReason.OUT_OF_RANGE, f"not between {lowest:.12g} and {highest:.12g}")
        return int(value)

    return validate


EventId = Annotated[UUID, Column(Kind.UUID, "UUID"), BeforeValidator(_uuid)]
EventTime = Annotated[datetime, Column(Kind.TIME, "DateTime64(6, 'UTC')"), BeforeValidator(_time)]
OptionalTime = Annotated[datetime | None, Column(Kind.TIME, "Nullable(DateTime64(6, 'UTC'))"), BeforeValidator(_time)]
Text = Annotated[str, Column(Kind.TEXT, "String"), BeforeValidator(_text)]
Label = Annotated[str, Column(Kind.TEXT, "LowCardinality(String)"), BeforeValidator(_text)]
PersonalText = Annotated[str, Column(Kind.TEXT, "String", personal=True), BeforeValidator(_text)]
PersonalId = Annotated[UUID, Column(Kind.UUID, "UUID", personal=True), BeforeValidator(_uuid)]
Flag = Annotated[bool | None, Column(Kind.FLAG, "Nullable(Bool)"), BeforeValidator(_flag)]
Latitude = Annotated[
    float | None, Column(Kind.NUMBER, "Nullable(Float64)", lowest=-90, highest=90), BeforeValidator(_number(-90, 90))
]
Longitude = Annotated[
    float | None,
    Column(Kind.NUMBER, "Nullable(Float64)", lowest=-180, highest=180),
    BeforeValidator(_number(-180, 180)),
]
Pixels = Annotated[
    float | None,
    Column(Kind.NUMBER, "Nullable(Float64)", lowest=-1_000_000, highest=1_000_000),
    BeforeValidator(_number(-1_000_000, 1_000_000)),
]
# Windows start at whole seconds; those of the year 2299 are far enough.
_LAST_SECOND = 10_413_792_000
Unsigned = Annotated[
    int, Column(Kind.INTEGER, "UInt32", lowest=0, highest=2**32 - 1), BeforeValidator(_integer(0, 2**32 - 1))
]
Second = Annotated[
    int, Column(Kind.INTEGER, "UInt64", lowest=0, highest=_LAST_SECOND), BeforeValidator(_integer(0, _LAST_SECOND))
]
