"""Deterministic messages of the browser stream: mostly valid, some broken in different ways, some heartbeats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

_BROWSERS = ("Firefox", "Chrome", "Safari", "Edge", "Opera", "Ünïcode 浏览器")
_LANGUAGES = ("de_DE", "en_US", "fr_FR", "ja_JP", "")
_KINDS = ("pageview", "click", "scroll")
_START = datetime(2026, 1, 1)  # noqa: DTZ001 - events carry UTC without saying so
_BROKEN = 0.06
_HEARTBEATS = 0.03


def browser_messages(random: Random, count: int) -> Iterator[bytes]:
    """`count` messages; equal seeds give equal messages."""
    for _ in range(count):
        lot = random.random()
        if lot < _HEARTBEATS:
            yield json.dumps({"headwater_heartbeat": f"{random.getrandbits(64):x}", "sent_at": _time(random)}).encode()
        else:
            event = _event(random)
            yield _broken(random, event) if lot < _HEARTBEATS + _BROKEN else json.dumps(event).encode()


def _event(random: Random) -> dict[str, str]:
    return {
        "event_id": _uuid(random),
        "event_timestamp": _time(random),
        "event_type": random.choice(_KINDS),
        "click_id": _uuid(random),
        "browser_name": random.choice(_BROWSERS),
        "browser_language": random.choice(_LANGUAGES),
        "browser_user_agent": f'Mozilla/5.0 (X11; Linux x86_64) "{random.getrandbits(32):08x}" \\ \t ü',
    }


def _broken(random: Random, event: dict[str, str]) -> bytes:
    whole = json.dumps(event).encode()
    return random.choice(
        (
            whole[: random.randrange(len(whole))],
            json.dumps({**event, "event_id": "no-uuid"}).encode(),
            json.dumps({**event, "event_timestamp": "yesterday"}).encode(),
            json.dumps({**event, "click_id": None}).encode(),
            json.dumps({**event, "event_type": 7}).encode(),
            json.dumps([event]).encode(),
            b"\xff\x00" + whole,
            b"",
        )
    )


def _time(random: Random) -> str:
    return str(_START + timedelta(microseconds=random.randrange(200 * 86_400_000_000)))


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128)))
