"""Judge events of web pages: each becomes messages, or is refused with one reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid5

from pydantic_core import to_json

from headwater.contracts.rejects import RejectReason
from headwater.contracts.types import DECIMAL_PATTERN, EARLIEST, LATEST_AHEAD, UUID_PATTERN, json_type
from headwater.contracts.web_events import (
    COORDINATE_LIMIT,
    MAX_SHORT_TEXT,
    NAMESPACE,
    RefusedError,
    Visit,
    Visitor,
)
from headwater.core.web_bodies import Unread
from headwater.core.web_messages import Mapper, Messages, VisitMessages

# Kafka's clock may be behind the collector's, and the engine judges by Kafka's.
_CLOCKS_APART = timedelta(minutes=5)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:Z|[+-].{2,6})?")
_is_uuid = re.compile(UUID_PATTERN).fullmatch
_is_decimal = re.compile(DECIMAL_PATTERN).fullmatch
_REMEMBERED_VISITS = 10_000
_USUAL_LENGTH = len("2026-01-31T23:59:59.123Z")
VISIT_FIELDS = ("session_id", "user_id", "user_email", "user_agent", "language", "timezone")


class Reader:
    """Judges events one after the other; what events of a visit have in common is judged once."""

    def __init__(self, mapper: Mapper) -> None:
        self.mapper = mapper
        self._visits: dict[tuple[Any, ...], VisitMessages] = {}

    def read(self, value: Any, visitor: Visitor, latest: datetime) -> Messages:
        """The messages of one JSON value that came from `visitor`; `latest` is `latest_time` of the moment.

        Raises `RefusedError`.
        """
        if type(value) is not dict:
            raise _no_object(value)
        event_type = _short(value, "type", required=True)
        visit = self.visit(tuple([value.get(field) for field in VISIT_FIELDS]), visitor)
        url = _text(value, "url", required=True)
        at = _time(value, latest)
        payload = value.get("payload") or {}
        if type(payload) is not dict:
            raise RefusedError(RejectReason.WRONG_TYPE, "payload", f"expected an object, got {json_type(payload)}")
        return self.mapper.messages(
            _event_id(value), at, event_type, visit, url, _text(value, "referrer"), _text(payload, "event_title"),
            _short(payload, "element_id"), _coordinate(payload.get("x"), "x"), _coordinate(payload.get("y"), "y"),
            to_json(payload).decode() if payload else "",
        )  # fmt: skip

    def visit(self, given: tuple[Any, ...], visitor: Visitor) -> VisitMessages:
        """What the events of a visit share; `given` is what one of them says for each of `VISIT_FIELDS`.

        Raises `RefusedError`.
        """
        key = (given, visitor)
        try:
            known = self._visits.get(key)
        except TypeError:  # a list or an object, which the reading refuses
            known = None
        if known is None:
            visit = _read_visit(dict(zip(VISIT_FIELDS, given, strict=True)), visitor)
            known = self.mapper.visit(visit)
            # Numbers are left out: 1, 1.0 and true would be one key.
            if all(type(each) is str or each is None for each in given) and len(visit.user_agent) < MAX_SHORT_TEXT:
                if len(self._visits) >= _REMEMBERED_VISITS:
                    self._visits.clear()
                self._visits[key] = known
        return known


def latest_time(now: datetime) -> datetime:
    """The latest time that an event may have which comes at `now` (aware)."""
    return now + LATEST_AHEAD - _CLOCKS_APART


def _no_object(value: Any) -> RefusedError:
    if isinstance(value, Unread):
        return RefusedError(value.reject.reason, value.reject.field, value.reject.detail)
    return RefusedError(RejectReason.NOT_AN_OBJECT, "", f"expected an object, got {json_type(value)}")


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
            raise RefusedError(RejectReason.MISSING_FIELD, field, "absent, null or empty")
        return ""
    raise RefusedError(RejectReason.WRONG_TYPE, field, f"expected a string, got {json_type(found)}")


def _short(value: Mapping[str, Any], field: str, *, required: bool = False) -> str:
    found = _text(value, field, required=required)
    if len(found) > MAX_SHORT_TEXT:
        raise RefusedError(RejectReason.TOO_LARGE, field, f"over {MAX_SHORT_TEXT} characters")
    return found


def _identity(value: Mapping[str, Any], field: str, *, required: bool = False) -> str:
    """Ids may be whole numbers too, as many a database gives them out."""
    found = value.get(field)
    if type(found) is int:
        if abs(found) >= 2**63:
            raise RefusedError(RejectReason.OUT_OF_RANGE, field, "beyond 64 bits")
        return str(found)
    return _short(value, field, required=required)


def _time(value: Mapping[str, Any], latest: datetime) -> str:
    """The time as the contract writes it, UTC."""
    text = _text(value, "created_at", required=True)
    usual = is_usual_time(text)
    if not usual and not _TIME.fullmatch(text):
        raise RefusedError(RejectReason.WRONG_TYPE, "created_at", "expected a time like 2026-01-31T23:59:59.123Z")
    try:
        moment = datetime.fromisoformat(text)
        if not usual:
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedError(RejectReason.WRONG_TYPE, "created_at", "there is no such time") from None
    if moment < EARLIEST:
        raise RefusedError(RejectReason.IMPLAUSIBLE_TIME, "created_at", "before 2000-01-01")
    if moment > latest:
        raise RefusedError(RejectReason.IMPLAUSIBLE_TIME, "created_at", "about a day ahead, or more")
    return f"{text[:10]} {text[11:23]}" if usual else moment.isoformat(" ", "microseconds")[:26]


def is_usual_time(text: str) -> bool:
    """Whether `text` has the form in which JavaScript writes times, in UTC; there may be no such time.

    Texts of this form are in the order of their times.
    """
    return len(text) == _USUAL_LENGTH and text[4:22:3] == "--T::." and text[23] == "Z"


def usual_time(moment: datetime) -> str:
    """`moment` (aware) as JavaScript writes times, without what is less than a millisecond."""
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:23]}Z"


def _coordinate(found: Any, field: str) -> str:
    """The number with two decimals; nothing where there is none."""
    number = found
    if type(found) is str:
        if not found:
            return ""
        if len(found) <= MAX_SHORT_TEXT and _is_decimal(found):
            number = float(found)
    elif found is None:
        return ""
    if type(number) not in (int, float):
        raise RefusedError(RejectReason.WRONG_TYPE, field, f"expected a number, got {json_type(found)}")
    if not -COORDINATE_LIMIT <= number <= COORDINATE_LIMIT:
        raise RefusedError(RejectReason.OUT_OF_RANGE, field, f"not between ±{COORDINATE_LIMIT}")
    return decimal(number)


def decimal(number: float | None) -> str:
    """A number with two decimals; nothing where there is none."""
    if number is None:
        return ""
    return f"{number}.00" if type(number) is int else "%.2f" % number  # noqa: UP031 - half the time of an f-string
