"""What OpenAPI tells of the collector beyond what the code says."""

from __future__ import annotations

from typing import Any

from headwater.contracts.rejects import RejectReason
from headwater.contracts.web_events import EVENT_SCHEMA

DESCRIPTION = (
    "Takes events of web pages and answers once Kafka has acknowledged them. Sending the same events again, with the "
    "same `event_id` or the same content, counts once."
)
_TEXT = {"type": "string"}
_COLLECTED: dict[str, Any] = {
    "type": "object",
    "required": ["accepted", "rejected"],
    "properties": {
        "accepted": {"type": "integer", "minimum": 0},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "reason", "field", "detail"],
                "properties": {
                    "index": {"type": "integer", "minimum": 0, "description": "Place in the request, from 0."},
                    "reason": {"type": "string", "enum": [reason.value for reason in RejectReason]},
                    "field": _TEXT,
                    "detail": _TEXT,
                },
            },
        },
    },
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error", "detail"],
    "properties": {"error": _TEXT, "detail": _TEXT},
}
_AGAIN = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds.", "required": True}}


def _answer(description: str, schema: dict[str, Any], headers: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"description": description, "content": content, **({"headers": headers} if headers else {})}


ANSWERS: dict[int | str, dict[str, Any]] = {
    202: _answer("Kafka has acknowledged every accepted event; the others are named.", _COLLECTED),
    400: _answer("The body is not what its headers say.", _ERROR),
    401: _answer("The write key is missing or unknown.", _ERROR),
    403: _answer("The page's origin may not send events.", _ERROR),
    413: _answer("The body is too large, or holds too many events.", _ERROR),
    415: _answer("The content type is not known.", _ERROR),
    422: _answer("No event of the request was accepted.", _COLLECTED),
    429: _answer("Too many events; none was taken.", _ERROR, _AGAIN),
    503: _answer("Kafka is away; send all of the request again.", _ERROR, _AGAIN),
}
READY: dict[int | str, dict[str, Any]] = {503: {"description": "Kafka is away."}}
_ONE_OR_MORE = {"oneOf": [EVENT_SCHEMA, {"type": "array", "items": EVENT_SCHEMA}]}
EVENTS: dict[str, Any] = {
    "summary": "Send events",
    "description": "One event, an array of events, or a line for each; the body may be gzip, br or zstd.",
    "tags": ["events"],
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _ONE_OR_MORE},
                "text/plain": {"schema": {"type": "string", "description": "JSON, as beacons send it."}},
                "application/x-ndjson": {"schema": {"type": "string", "description": "One JSON object per line."}},
            },
        },
        "parameters": [
            {"name": "X-Write-Key", "in": "header", "required": False, "schema": _TEXT},
            {"name": "write_key", "in": "query", "required": False, "schema": _TEXT},
        ],
        "security": [{}],
    },
}
