"""Events of web pages: what is taken, what is refused and why, and that what is taken is valid downstream."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import VISIT_STREAMS
from headwater.contracts.web_events import MAX_EVENT_BYTES, Visitor, WebEvent, WebReject
from headwater.core.verdict import Accepted, judge
from headwater.core.web_events import Reader, content_id, latest_time, made_id
from headwater.core.web_messages import Mapper, Messages, Place

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
VISITOR = Visitor("192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "de-DE")
READER = Reader()
EVENT: dict[str, Any] = {
    "type": "click", "session_id": "s1", "user_id": "u1", "url": "https://shop.example/product_a?utm_source=google",
    "created_at": "2026-03-01T11:59:59.5Z",
}  # fmt: skip


def _read(**changes: Any) -> WebEvent | WebReject:
    return _judge({k: v for k, v in {**EVENT, **changes}.items() if v is not ...})


def _judge(value: Any) -> WebEvent | WebReject:
    """As the collector does: what is no address is found when its page is read."""
    event = READER.read(value, VISITOR, latest_time(NOW))
    if isinstance(event, WebEvent):
        made = Mapper(lambda _address: Place()).messages(event)
        return made if isinstance(made, WebReject) and made.field == "url" else event
    return event


def _accepted(**changes: Any) -> WebEvent:
    event = _read(**changes)
    assert isinstance(event, WebEvent), event
    return event


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"type": ...}, RejectReason.MISSING_FIELD, "type"),
        ({"type": None}, RejectReason.MISSING_FIELD, "type"),
        ({"type": ["x"]}, RejectReason.WRONG_TYPE, "type"),
        ({"type": "x" * 1_001}, RejectReason.TOO_LARGE, "type"),
        ({"session_id": ""}, RejectReason.MISSING_FIELD, "session_id"),
        ({"session_id": True}, RejectReason.WRONG_TYPE, "session_id"),
        ({"user_id": 2**63}, RejectReason.OUT_OF_RANGE, "user_id"),
        ({"url": None}, RejectReason.MISSING_FIELD, "url"),
        ({"url": "http://[1/"}, RejectReason.WRONG_TYPE, "url"),
        ({"created_at": 1772366399}, RejectReason.WRONG_TYPE, "created_at"),
        ({"created_at": "2026-W09-7T11:59:59.12Z"}, RejectReason.WRONG_TYPE, "created_at"),
        ({"created_at": "2026-03-01T115959.1234Z"}, RejectReason.WRONG_TYPE, "created_at"),
        ({"created_at": "2026-03-01"}, RejectReason.WRONG_TYPE, "created_at"),
        ({"created_at": "2026-02-30T00:00:00Z"}, RejectReason.WRONG_TYPE, "created_at"),
        ({"created_at": "0001-01-01T00:00:00+23:59"}, RejectReason.WRONG_TYPE, "created_at"),
        ({"created_at": "1999-12-31T23:59:59Z"}, RejectReason.IMPLAUSIBLE_TIME, "created_at"),
        ({"created_at": "2026-03-02T12:00:00Z"}, RejectReason.IMPLAUSIBLE_TIME, "created_at"),
        ({"payload": [1]}, RejectReason.WRONG_TYPE, "payload"),
        ({"payload": {"x": True}}, RejectReason.WRONG_TYPE, "x"),
        ({"payload": {"y": 10**400}}, RejectReason.OUT_OF_RANGE, "y"),
        ({"payload": {"event_title": 5}}, RejectReason.WRONG_TYPE, "event_title"),
    ],
)
def test_a_refused_event_has_one_reason_and_its_field(
    changes: dict[str, Any], reason: RejectReason, field: str
) -> None:
    verdict = _read(**changes)
    assert isinstance(verdict, WebReject), verdict
    assert (verdict.reason, verdict.field) == (reason, field)


@pytest.mark.parametrize("value", [None, 5, "text", [], [EVENT]])
def test_what_is_no_object_is_refused(value: Any) -> None:
    assert _judge(value) == WebReject(RejectReason.NOT_AN_OBJECT, "", f"expected an object, got {_json_name(value)}")


def _json_name(value: Any) -> str:
    return {type(None): "null", int: "number", str: "string", list: "array"}[type(value)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T11:59:59.5Z", "2026-03-01T11:59:59.500000"),
        ("2026-03-01 11:59:59", "2026-03-01T11:59:59"),
        ("2026-03-01T11:59:59.123Z", "2026-03-01T11:59:59.123000"),
        ("2026-03-01T11:59", "2026-03-01T11:59:00"),
        ("2026-03-01T13:59:59.123456+02:00", "2026-03-01T11:59:59.123456"),
        ("2026-03-01T11:59:59.123456789Z", "2026-03-01T11:59:59.123456"),
    ],
)
def test_times_become_utc(text: str, expected: str) -> None:
    assert datetime.fromisoformat(_accepted(created_at=text).at) == datetime.fromisoformat(expected)


def test_ids_stay_where_they_are_uuids_and_become_uuidv5_where_not() -> None:
    given = "6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a001"
    assert _accepted(session_id=given).visit.click_id == given
    made = UUID(_accepted(session_id="s1").visit.click_id)
    assert made.version == 5
    assert _accepted(user_id=7).visit.user_id == _accepted(user_id="7").visit.user_id == made_id("user", "7")
    assert UUID(_accepted(user_id=None).visit.user_id).version == 5
    assert (
        _accepted(user_id=None, session_id="a").visit.user_id != _accepted(user_id=None, session_id="b").visit.user_id
    )


def test_without_an_id_the_content_is_the_identity() -> None:
    first = _accepted(payload={"x": 1, "deep": {"b": 1, "a": [1, 2]}})
    assert first.event_id == _accepted(payload={"deep": {"a": [1, 2], "b": 1}, "x": 1}).event_id
    assert first.event_id != _accepted(payload={"x": 2}).event_id
    assert content_id({"a": 1}) != content_id({"a": "1"})


def test_the_request_fills_what_the_event_does_not_say() -> None:
    assert _accepted().visit.user_agent == VISITOR.user_agent
    assert _accepted().visit.language == "de-DE"
    assert _accepted(user_agent="curl/8.0", language="fr").visit.user_agent == "curl/8.0"


def _messages(event: WebEvent, place: Place | None = None) -> Messages:
    made = Mapper(lambda _address: place or Place()).messages(event)
    assert isinstance(made, Messages), made
    return made


def test_a_place_is_told_where_it_is_known() -> None:
    made = _messages(_accepted(), Place("DE", "Berlin", "Europe/Berlin", 52.52, 13.405))
    assert json.loads(made.visit.geo) == {
        "click_id": made_id("session", "s1"), "geo_latitude": "52.52", "geo_longitude": "13.405", "geo_country": "DE",
        "geo_timezone": "Europe/Berlin", "geo_region_name": "Berlin", "ip_address": "192.0.2.7",
    }  # fmt: skip


def test_an_event_beyond_the_limit_is_refused() -> None:
    event = _accepted(payload={"text": "x" * MAX_EVENT_BYTES})
    made = Mapper(lambda _address: Place()).messages(event)
    assert isinstance(made, WebReject)
    assert made.reason is RejectReason.TOO_LARGE


_ODD: list[Any] = [
    None, "", " ", 0, -1, 5.5, 2**70, True, [], {}, "\u0000", "\x7f", 'quo"te\\', "é😀", "\u2028", "x" * 900, "/path",
    "null", "2026-03-01T00:00:00Z", "https://[::1]/a?utm_source=%00&utm_medium=é", "//host", "?utm_campaign=a", "#",
    "http://user:pass@host:99999/", "javascript:alert(1)", "data:,x", "headwater_heartbeat", "6a0e5e4c5c2b4f4e9d6f0c5b7ad1a001",
    {"headwater_heartbeat": 1}, {"x": 1e6, "y": -1e6}, {"x": 1e-300}, {"x": 0.1 + 0.2, "y": "12.5"}, {"event_title": "a\n"},
    {"element_id": "é", "nested": {"a": [[{"b": None}]]}},
]  # fmt: skip


def test_whatever_is_accepted_is_valid_in_every_stream() -> None:
    """Seeded garbage in every field: an event is refused here, or the contract takes its five messages."""
    chance = random.Random(7)
    names = [*EVENT, "event_id", "referrer", "user_email", "language", "timezone", "user_agent", "payload", "extra"]
    accepted = 0
    for _ in range(3_000):
        changes = {chance.choice(names): chance.choice(_ODD) for _ in range(chance.randrange(4))}
        event = _read(**changes)
        if isinstance(event, WebReject):
            continue
        made = _messages(event)
        accepted += 1
        for name, stream in VISIT_STREAMS.items():
            raw = getattr(made.visit if name in ("device", "geo") else made, name)
            verdict = judge(stream, raw, NOW - timedelta(seconds=30))
            assert isinstance(verdict, Accepted), f"{name}: {verdict}\n{raw!r}\nof {changes}"
            assert verdict.unknown_fields == 0
    assert accepted > 1_000
