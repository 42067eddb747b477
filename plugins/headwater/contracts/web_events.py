"""Events as web pages send them: what is asked of each, and what is told of one that is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from headwater.contracts.rejects import RejectReason

# Identities that clients do not give as UUIDs are UUIDv5 in this namespace.
NAMESPACE = UUID("6f1c1d0e-52c7-5b0b-9a3e-2d6d2f6b7c11")
MAX_EVENT_BYTES = 65_536
MAX_SHORT_TEXT = 1_000
COORDINATE_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class WebReject:
    """Why an event of a request was refused."""

    reason: RejectReason
    field: str = ""
    detail: str = ""


class RefusedError(Exception):
    """Carries the verdict out of the reading of an event."""

    def __init__(self, reason: RejectReason, field: str, detail: str) -> None:
        super().__init__()
        self.verdict = WebReject(reason, field, detail)


class Visitor(NamedTuple):
    """What a request says about who sends it."""

    address: str = ""
    user_agent: str = ""
    language: str = ""


class Visit(NamedTuple):
    """What the events of a visit share; ids are UUIDs as text, texts that were not given are empty."""

    click_id: str
    user_id: str
    user_email: str
    user_agent: str
    language: str
    timezone: str
    address: str


# The request body as OpenAPI shows it; `core/web_events.py` is the judge.
EVENT_SCHEMA: dict[str, Any] = {
    "title": "Event",
    "type": "object",
    "required": ["type", "session_id", "url", "created_at"],
    "additionalProperties": True,
    "properties": {
        "type": {"type": "string", "minLength": 1, "maxLength": MAX_SHORT_TEXT, "examples": ["pageview"]},
        "session_id": {
            "type": "string", "minLength": 1, "maxLength": MAX_SHORT_TEXT,
            "description": "The visit. What is no UUID becomes a UUIDv5.",
        },
        "user_id": {
            "type": "string", "maxLength": MAX_SHORT_TEXT,
            "description": "The visitor; absent: a UUIDv5 of the session.",
        },
        "url": {"type": "string", "minLength": 1, "examples": ["https://shop.example/product_a?utm_source=google"]},
        "created_at": {"type": "string", "format": "date-time", "description": "ISO 8601; UTC without an offset."},
        "user_agent": {"type": "string", "description": "Absent: the header User-Agent."},
        "event_id": {
            "type": "string", "maxLength": MAX_SHORT_TEXT,
            "description": "Identity of the event; absent: a UUIDv5 of its content, so that a repeat counts once.",
        },
        "referrer": {"type": "string"},
        "user_email": {"type": "string", "maxLength": MAX_SHORT_TEXT},
        "language": {
            "type": "string", "maxLength": MAX_SHORT_TEXT, "description": "Absent: the first of Accept-Language.",
        },
        "timezone": {"type": "string", "maxLength": MAX_SHORT_TEXT},
        "payload": {
            "type": "object",
            "additionalProperties": True,
            "properties": {
                "event_title": {"type": "string"},
                "element_id": {"type": "string", "maxLength": MAX_SHORT_TEXT},
                "x": {"type": "number", "minimum": -COORDINATE_LIMIT, "maximum": COORDINATE_LIMIT},
                "y": {"type": "number", "minimum": -COORDINATE_LIMIT, "maximum": COORDINATE_LIMIT},
            },
        },
    },
}  # fmt: skip
