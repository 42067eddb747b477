"""The closed list of reasons for which an event is refused."""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """Each rejected event has exactly one of these: of the whole message, else of the first field that is wrong."""

    TOO_LARGE = "too_large"
    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    IMPLAUSIBLE_TIME = "implausible_time"


HELP: dict[RejectReason, str] = {
    RejectReason.TOO_LARGE: "The message or line is longer than the contract allows.",
    RejectReason.INVALID_JSON: "The bytes are not one JSON value in UTF-8.",
    RejectReason.NOT_AN_OBJECT: "The JSON value is not an object.",
    RejectReason.MISSING_FIELD: "A required field is absent, null or empty.",
    RejectReason.WRONG_TYPE: "A field has a value that is not of its type.",
    RejectReason.OUT_OF_RANGE: "A number is outside the range of its field.",
    RejectReason.IMPLAUSIBLE_TIME: "The time is before 2000 or more than a day after the message's Kafka time.",
}
