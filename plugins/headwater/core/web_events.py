"""Judge events of web pages: each becomes a `WebEvent`, or is refused with one reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard
from urllib.parse import urlsplit
from uuid import uuid5

from pydantic_core import to_json

from headwater.contracts.rejects import RejectReason
from headwater.contracts.types import DECIMAL_PATTERN, EARLIEST, LATEST_AHEAD, UUID_PATTERN, json_type
from headwater.contracts.web_events import (
    COORDINATE_LIMIT,
    MAX_SHORT_TEXT,
    NAMESPACE,
    Visit,
    Visitor,
    WebEvent,
    WebReject,
)

# Kafka's clock may be behind the collector's, and the engine judges by Kafka's.
_CLOCKS_APART = timedelta(minutes=5)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:Z|[+-].{2,6})?")
_is_uuid = re.compile(UUID_PATTERN).fullmatch
_is_decimal = re.compile(DECIMAL_PATTERN).fullmatch
_REMEMBERED_VISITS = 10_000


class _RefusedError(Exception):
    """Carries the verdict out of the reading of a field."""

    def __init__(self, reason: RejectReason, field: str, detail: str) -> None:
        super().__init__()
        self.verdict = WebReject(reason, field, detail)


class Reader:
    """Judges events one after the other; what events of a visit have in common is judged once."""

    def __init__(self) -> None:
        self._visits: dict[tuple[Any, ...], Visit] = {}

    def read(self, value: Any, visitor: Visitor, latest: datetime) -> WebEvent | WebReject:
        """Judge one JSON value that came from `visitor`; `latest` is `latest_time` of the moment."""
        if type(value) is not dict:
            return WebReject(RejectReason.NOT_AN_OBJECT, "", f"expected an object, got {json_type(value)}")
        try:
            return self._read(value, visitor, latest)
        except _RefusedError as refused:
            return refused.verdict

    def _read(self, value: dict[str, Any], visitor: Visitor, latest: datetime) -> WebEvent:
        # What is as expected is taken at once; the functions know the rest.
        kind = value.get("type")
        event_type = kind if _is_short(kind) else _short(value, "type", required=True)
        visit = self._visit(value, visitor)
        url = value.get("url")
        if type(url) is not str or not url:
            url = _text(value, "url", required=True)
        at = value.get("created_at")
        at = _time(at if _is_short(at) else _text(value, "created_at", required=True), latest)
        referrer = value.get("referrer")
        payload = value.get("payload") or _NOTHING
        if type(payload) is not dict:
            raise _RefusedError(RejectReason.WRONG_TYPE, "payload", f"expected an object, got {json_type(payload)}")
        given = value.get("event_id")
        if type(given) is not str or not _is_uuid(given):
            given = _event_id(value)
        title = payload.get("event_title")
        element = payload.get("element_id")
        return WebEvent(
            given,
            at,
            event_type,
            visit,
            url,
            referrer if type(referrer) is str else _text(value, "referrer"),
            title if type(title) is str else _text(payload, "event_title"),
            element if _is_short(element) else _short(payload, "element_id"),
            _coordinate(payload, "x"),
            _coordinate(payload, "y"),
            payload,
        )

    def _visit(self, value: dict[str, Any], visitor: Visitor) -> Visit:
        get = value.get
        given = (
            get("session_id"), get("user_id"), get("user_email"), get("user_agent"), get("language"), get("timezone"),
            visitor,
        )  # fmt: skip
        try:
            known = self._visits.get(given)
        except TypeError:  # a list or an object, which the reading refuses
            known = None
        if known is None:
            known = _read_visit(value, visitor)
            # Numbers are left out: 1, 1.0 and true would be one key.
            if all(type(each) is str or each is None for each in given[:-1]) and len(known.user_agent) < MAX_SHORT_TEXT:
                if len(self._visits) >= _REMEMBERED_VISITS:
                    self._visits.clear()
                self._visits[given] = known
        return known


_NOTHING: dict[str, Any] = {}


def latest_time(now: datetime) -> datetime:
    """The latest time that an event may have which comes at `now` (aware)."""
    return now + LATEST_AHEAD - _CLOCKS_APART


def _is_short(value: Any) -> TypeGuard[str]:
    return type(value) is str and 0 < len(value) <= MAX_SHORT_TEXT


def _read_visit(value: Mapping[str, Any], visitor: Visitor) -> Visit:
    session = _identity(value, "session_id", required=True)
    user = _identity(value, "user_id")
    return Visit(
        click_id=made_id("session", session),
        user_id=made_id("user", user) if user else made_id("visitor of session", session),
        user_email=_short(value, "user_email"),
        user_agent=_text(value, "user_agent") or visitor.user_agent,
        language=_short(value, "language") or visitor.language,
        timezone=_short(value, "timezone"),
        address=visitor.address,
    )


def made_id(kind: str, text: str) -> str:
    """`text` when it is a UUID, else a UUIDv5 of it in the project's namespace."""
    return text if _is_uuid(text) else str(uuid5(NAMESPACE, f"{kind}:{text}"))


def _event_id(value: Mapping[str, Any]) -> str:
    given = _identity(value, "event_id")
    return made_id("event", given) if given else content_id(value)


def content_id(value: Mapping[str, Any]) -> str:
    """UUIDv5 of an event's content, whatever the order of its fields."""
    return str(uuid5(NAMESPACE, "content:" + to_json(_sorted(value)).decode()))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def _text(value: Mapping[str, Any], field: str, *, required: bool = False) -> str:
    found = value.get(field)
    if type(found) is str and found:
        return found
    if found is None or found == "":
        if required:
            raise _RefusedError(RejectReason.MISSING_FIELD, field, "absent, null or empty")
        return ""
    raise _RefusedError(RejectReason.WRONG_TYPE, field, f"expected a string, got {json_type(found)}")


def _short(value: Mapping[str, Any], field: str, *, required: bool = False) -> str:
    found = _text(value, field, required=required)
    if len(found) > MAX_SHORT_TEXT:
        raise _RefusedError(RejectReason.TOO_LARGE, field, f"over {MAX_SHORT_TEXT} characters")
    return found


def _identity(value: Mapping[str, Any], field: str, *, required: bool = False) -> str:
    """Ids may be whole numbers too, as many a database gives them out."""
    found = value.get(field)
    if type(found) is int:
        if abs(found) >= 2**63:
            raise _RefusedError(RejectReason.OUT_OF_RANGE, field, "beyond 64 bits")
        return str(found)
    return _short(value, field, required=required)


def demand_url(text: str) -> WebReject | None:
    """Why the text cannot be taken apart as an address; None when it can."""
    try:
        urlsplit(text)
    except ValueError:
        return WebReject(RejectReason.WRONG_TYPE, "url", "expected a URL")
    return None


def _time(text: str, latest: datetime) -> str:
    """The time as the contract writes it, UTC."""
    # As JavaScript writes it; then it is in UTC already.
    usual = len(text) == 24 and text[4] == text[7] == "-" and text[10] == "T" and text[13] == text[16] == ":"
    usual = usual and text[19] == "." and text[23] == "Z"
    if not usual and not _TIME.fullmatch(text):
        raise _RefusedError(RejectReason.WRONG_TYPE, "created_at", "expected a time like 2026-01-31T23:59:59.123Z")
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _RefusedError(RejectReason.WRONG_TYPE, "created_at", "there is no such time") from None
    if moment < EARLIEST:
        raise _RefusedError(RejectReason.IMPLAUSIBLE_TIME, "created_at", "before 2000-01-01")
    if moment > latest:
        raise _RefusedError(RejectReason.IMPLAUSIBLE_TIME, "created_at", "about a day ahead, or more")
    return f"{text[:10]} {text[11:23]}" if usual else moment.isoformat(" ", "microseconds")[:26]


def _coordinate(value: Mapping[str, Any], field: str) -> float | None:
    found = value.get(field)
    if found is None or found == "":
        return None
    number = found
    if type(found) is str and len(found) <= MAX_SHORT_TEXT and _is_decimal(found):
        number = float(found)
    if type(number) not in (int, float):
        raise _RefusedError(RejectReason.WRONG_TYPE, field, f"expected a number, got {json_type(found)}")
    if not -COORDINATE_LIMIT <= number <= COORDINATE_LIMIT:
        raise _RefusedError(RejectReason.OUT_OF_RANGE, field, f"not between ±{COORDINATE_LIMIT}")
    return float(number)
