"""Usual events are read as the judge reads them, and what is not usual is left to it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.contracts.web_events import RefusedError, Visitor
from headwater.core.web_bodies import TooLargeError, UnreadableError
from headwater.core.web_events import Reader, latest_time
from headwater.core.web_messages import Mapper, Messages, Place
from headwater.core.web_usual import read_request, usual_messages

SEED = 20261130
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATEST = latest_time(NOW)
VISITOR = Visitor("192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "de-DE")
# As the tracker sends it.
EVENT: dict[str, Any] = {
    "event_id": "6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a001", "type": "click",
    "session_id": "6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a002", "user_id": "6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a003",
    "user_email": "", "url": "https://shop.example/product_a?utm_source=google", "referrer": "https://shop.example/",
    "created_at": "2026-03-01T11:59:59.123Z", "user_agent": VISITOR.user_agent, "language": "de-DE",
    "timezone": "Europe/Berlin", "payload": {"event_title": "Kaufen – jetzt", "element_id": "buy", "x": 12.345, "y": 7},
}  # fmt: skip
ODD: tuple[Any, ...] = (
    None, "", "x", "x" * 1_000, "x" * 1_001, 0, 7, -3, 2**63, 10**30, True, False, 1.5, -0.0, 1e-7, 1_000_000, 1_000_000.01,
    -1_000_001, [], [1], {}, {"x": 1}, {"x": "1.5"}, {"x": True}, {"deep": {"a": [1, None, "ü"]}}, {"event_title": None},
    {"event_title": 5}, {"element_id": "é" * 1_001}, {"y": -0.005}, "2026-03-01T11:59:59.123Z", "2026-03-01 11:59:59.123Z",
    "2026-02-30T11:59:59.123Z", "2026-03-01T24:00:00.000Z", "2026-03-01T11:59:5a.123Z", "1999-12-31T23:59:59.999Z",
    "2000-01-01T00:00:00.000Z", "2026-03-02T11:55:00.000Z", "2026-03-02T11:55:00.001Z", "2026-03-01T11:59:59+01:00",
    "6A0E5E4C-5C2B-4F4E-9D6F-0C5B7AD1A001", "6a0e5e4c5c2b4f4e9d6f0c5b7ad1a001", "6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a00g",
    "6a0e5e4c-5c2b-4f4e-9d6f- c5b7ad1a001", "6a0e5e4c-5c2b-4f4e-9d6f-\t5b7ad1a0010", "6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a00\u0661",
    "http://[1/", "https://shop.example/ü?q=\u2028", "\ud7ff\U0001f600", "\x00", 'quote " and \\',
)  # fmt: skip


def _usual(body: bytes) -> list[Messages] | None:
    given = read_request(body, "application/json", 5_000)
    return None if given.usual is None else usual_messages(given.usual, READER, VISITOR, LATEST)


def _judged(value: Any) -> Messages | None:
    try:
        return READER.read(value, VISITOR, LATEST)
    except RefusedError:
        return None


READER = Reader(Mapper(lambda _address: Place()))


def _same(one: Messages, other: Messages) -> None:
    assert one[:4] == other[:4]
    first, second = json.loads(one[4]), json.loads(other[4])
    # A payload is kept as JSON that says the same: the judge writes it anew.
    kept, written = first.pop("payload"), second.pop("payload")
    assert first == second
    assert (kept and json.loads(kept)) == (written and json.loads(written))


def test_what_the_tracker_sends_is_usual() -> None:
    made = _usual(json.dumps([EVENT, {**EVENT, "payload": {}}, {**EVENT, "payload": None}]).encode())
    assert made is not None
    for one, payload in zip(made, (EVENT["payload"], {}, None), strict=True):
        judged = _judged({**EVENT, "payload": payload})
        assert judged is not None
        _same(one, judged)


def test_a_request_may_bring_events_of_several_visits() -> None:
    events = [{**EVENT, "session_id": session} for session in ("s1", "s2", "s1")]
    made = _usual(json.dumps(events).encode())
    assert made is not None
    for one, event in zip(made, events, strict=True):
        judged = _judged(event)
        assert judged is not None
        _same(one, judged)


def test_one_object_is_a_request_too() -> None:
    assert len(_usual(json.dumps(EVENT).encode()) or ()) == 1


def test_a_payload_is_kept_as_it_was_sent() -> None:
    body = json.dumps([EVENT]).replace('"y": 7', '"y": 7.0, "exact": 12345678901234567890.123456789')
    made = _usual(body.encode())
    assert made is not None
    assert json.loads(made[0][4])["payload"].endswith('"y": 7.0, "exact": 12345678901234567890.123456789}')


def test_of_events_changed_at_random_both_say_the_same() -> None:
    print(f"seed {SEED}")
    choose = random.Random(SEED)
    outcomes = {"usual": 0, "judged": 0, "refused": 0}
    for _ in range(20_000):
        event = {**EVENT, "payload": dict(EVENT["payload"])}
        for _ in range(choose.choice((0, 1, 1, 1, 2))):
            payload = event.get("payload")
            place = choose.choice((event, payload if isinstance(payload, dict) else event))
            field = choose.choice((*place, "unknown"))
            if choose.random() < 0.2:
                place.pop(field, None)
            else:
                place[field] = choose.choice(ODD)
        text = json.dumps([event], ensure_ascii=choose.random() < 0.5).encode(errors="surrogatepass")
        made = _usual(text)
        (value,) = read_request(text, "application/json", 5_000).values()
        judged = _judged(value)
        if made is not None:
            assert judged is not None, event
            _same(made[0], judged)
        outcomes["usual" if made else "judged" if judged else "refused"] += 1
    assert min(outcomes.values()) > 500, outcomes


def test_of_bytes_changed_at_random_none_is_usual_that_the_judge_refuses() -> None:
    print(f"seed {SEED}")
    choose = random.Random(SEED)
    body = json.dumps([{**EVENT, "more": "ü\n", "payload": {"x": 1, "ü": "\U0001f600"}}], ensure_ascii=False).encode()
    usual = 0
    for _ in range(20_000):
        changed = bytearray(body)
        for _ in range(choose.choice((1, 1, 2))):
            at = choose.randrange(len(changed))
            match choose.randrange(3):
                case 0:
                    changed[at] = choose.randrange(256)
                case 1:
                    del changed[at]
                case _:
                    changed.insert(at, choose.choice(b'"\\{}[]:,0-9eE. \x00\xff\xed'))
        made = _usual_or_unreadable(bytes(changed))
        if made is None:
            continue
        usual += 1
        (value,) = read_request(bytes(changed), "application/json", 5_000).values()
        judged = _judged(value)
        assert judged is not None, bytes(changed)
        _same(made[0], judged)
    assert usual > 5_000


def _usual_or_unreadable(body: bytes) -> list[Messages] | None:
    try:
        return _usual(body)
    except UnreadableError:
        return None


@pytest.mark.parametrize(
    "ids",
    [
        # As long as two UUIDs together, with the dashes of each where they belong.
        (EVENT["event_id"] + "6", EVENT["event_id"][1:]),
        (EVENT["event_id"], EVENT["event_id"][:-1] + " "),
        (EVENT["event_id"], EVENT["event_id"][:-2] + "\n\n"),
        (EVENT["event_id"], EVENT["event_id"][:-1] + "-"),
        (EVENT["event_id"], "6a0e5e4c5-c2b-4f4e-9d6f-0c5b7ad1a001"),
    ],
)
def test_each_id_is_looked_at_also_among_others(ids: tuple[str, str]) -> None:
    given = read_request(json.dumps([{**EVENT, "event_id": each} for each in ids]).encode(), "", 5_000)
    assert given.usual is None
    assert [event["event_id"] for event in given.values()] == list(ids)


def test_a_request_of_one_unusual_event_is_judged_as_a_whole_with_all_that_is_in_it() -> None:
    given = read_request(json.dumps([{**EVENT, "more": 1}, {**EVENT, "url": "http://[1/"}]).encode(), "", 5_000)
    assert given.usual is not None
    assert usual_messages(given.usual, READER, VISITOR, LATEST) is None
    assert [value.get("more") for value in given.values()] == [1, None]


def test_the_number_of_events_is_bounded() -> None:
    body = json.dumps([EVENT, EVENT]).encode()
    assert len(read_request(body, "", 2)) == 2
    with pytest.raises(TooLargeError):
        read_request(body, "", 1)
