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
from headwater.contracts.web_events import MAX_EVENT_BYTES, RefusedError, Visitor, WebReject
from headwater.core.verdict import Accepted, judge
from headwater.core.web_events import Reader, content_id, latest_time, made_id
from headwater.core.web_messages import Mapper, Place

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
VISITOR = Visitor("192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "de-DE")
READER = Reader(Mapper(lambda _address: Place()))
EVENT: dict[str, Any] = {
    "type": "click", "session_id": "s1", "user_id": "u1", "url": "https://shop.example/product_a?utm_source=google",
    "created_at": "2026-03-01T11:59:59.5Z",
}  # fmt: skip


def _judge(value: Any, reader: Reader = READER) -> dict[str, str] | WebReject:
    """The message of each stream, or why there is none."""
    try:
        visit, event_id, browser, location, interaction = reader.read(value, VISITOR, latest_time(NOW))
    except RefusedError as refused:
        return refused.verdict
    made = {
        "device": visit.device, "geo": visit.geo, "browser": browser, "location": location, "interaction": interaction
    }  # fmt: skip
    assert json.loads(location)["event_id"] == event_id
    assert {json.loads(made[name])["click_id"] for name in made if name != "location"} == {visit.click_id}
    return made


def _changed(**changes: Any) -> dict[str, Any]:
    return {k: v for k, v in {**EVENT, **changes}.items() if v is not ...}


def _read(**changes: Any) -> dict[str, str] | WebReject:
    return _judge(_changed(**changes))


def _accepted(**changes: Any) -> dict[str, Any]:
    """What the messages of an event say, by stream."""
    made = _read(**changes)
    assert isinstance(made, dict), made
    return {name: json.loads(text) for name, text in made.items()}


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
    assert datetime.fromisoformat(_accepted(created_at=text)["browser"]["event_timestamp"]) == datetime.fromisoformat(
        expected
    )


def test_ids_stay_where_they_are_uuids_and_become_uuidv5_where_not() -> None:
    given = "6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a001"
    assert _accepted(session_id=given)["browser"]["click_id"] == given
    made = UUID(_accepted(session_id="s1")["browser"]["click_id"])
    assert made.version == 5
    assert _user(user_id=7) == _user(user_id="7") == made_id("user", "7")
    assert UUID(_user(user_id=None)).version == 5
    assert _user(user_id=None, session_id="a") != _user(user_id=None, session_id="b")


def _user(**changes: Any) -> str:
    return str(_accepted(**changes)["device"]["user_domain_id"])


def test_without_an_id_the_content_is_the_identity() -> None:
    first = _id(payload={"x": 1, "deep": {"b": 1, "a": [1, 2]}})
    assert first == _id(payload={"deep": {"a": [1, 2], "b": 1}, "x": 1})
    assert first != _id(payload={"x": 2})
    assert content_id({"a": 1}) != content_id({"a": "1"})


def _id(**changes: Any) -> str:
    return str(_accepted(**changes)["browser"]["event_id"])


def test_ids_are_kept_as_they_are_given_when_they_are_uuids() -> None:
    for given in ("6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a001", "6A0E5E4C5C2B4F4E9D6F0C5B7AD1A001"):
        assert _id(event_id=given) == given
    for odd in ("6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a001\n", "6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a00g", 7):
        assert _id(event_id=odd) == made_id("event", str(odd))


def test_coordinates_have_two_decimals_whatever_they_were_given_as() -> None:
    given = {12: "12.00", 12.345: "12.35", "12.5": "12.50", -1_000_000: "-1000000.00", 0.1 + 0.2: "0.30", True: None}
    for number, text in given.items():
        made = _read(payload={"x": number, "y": ""})
        if text is None:
            assert isinstance(made, WebReject)
            continue
        assert isinstance(made, dict)
        assert json.loads(made["interaction"])["x"] == text
        assert "y" not in json.loads(made["interaction"])


def test_the_request_fills_what_the_event_does_not_say() -> None:
    assert _accepted()["browser"]["browser_user_agent"] == VISITOR.user_agent
    assert _accepted()["browser"]["browser_language"] == "de-DE"
    told = _accepted(user_agent="curl/8.0", language="fr")["browser"]
    assert (told["browser_user_agent"], told["browser_language"]) == ("curl/8.0", "fr")


def test_a_place_is_told_where_it_is_known() -> None:
    place = Place("DE", "Berlin", "Europe/Berlin", 52.52, 13.405)
    made = _judge(EVENT, Reader(Mapper(lambda _address: place)))
    assert isinstance(made, dict)
    assert json.loads(made["geo"]) == {
        "click_id": made_id("session", "s1"), "geo_latitude": "52.52", "geo_longitude": "13.405", "geo_country": "DE",
        "geo_timezone": "Europe/Berlin", "geo_region_name": "Berlin", "ip_address": "192.0.2.7",
    }  # fmt: skip


def test_an_event_beyond_the_limit_is_refused() -> None:
    refused = _read(payload={"text": "x" * MAX_EVENT_BYTES})
    assert isinstance(refused, WebReject)
    assert refused.reason is RejectReason.TOO_LARGE


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
        made = _read(**changes)
        if isinstance(made, WebReject):
            continue
        accepted += 1
        for name, stream in VISIT_STREAMS.items():
            raw = made[name].encode("ascii")
            verdict = judge(stream, raw, NOW - timedelta(seconds=30))
            assert isinstance(verdict, Accepted), f"{name}: {verdict}\n{raw!r}\nof {changes}"
            assert verdict.unknown_fields == 0
    assert accepted > 1_000
