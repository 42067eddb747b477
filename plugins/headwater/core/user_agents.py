"""What a user agent tells about browser, system and device, by the library of the ua-parser project."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import ua_parser

_READ_CHARACTERS = 512
_PHONES = frozenset({"iOS", "Windows Phone", "BlackBerry OS", "KaiOS", "Firefox OS"})


class Agent(NamedTuple):
    """Empty texts and None where nothing is known."""

    browser_name: str = ""
    os: str = ""
    os_name: str = ""
    device_type: str = ""
    is_mobile: bool | None = None


def read_agent(text: str) -> Agent:
    """The agent that `text` describes; only its first characters are looked at."""
    return _agent(text[:_READ_CHARACTERS]) if text else Agent()


def warm_up() -> None:
    """Let the library compile its patterns, which takes it half a second: all are tried on what none knows."""
    read_agent("an agent that nobody knows")


@lru_cache(maxsize=4_096)
def _agent(text: str) -> Agent:
    found = ua_parser.parse(text)
    os_name = found.os.family if found.os else ""
    version = ".".join(part for part in (found.os.major, found.os.minor) if part) if found.os else ""
    device_type = _device_type(text, os_name, found.device.family if found.device else "")
    return Agent(
        browser_name=found.user_agent.family if found.user_agent else "",
        os=f"{os_name} {version}".strip(),
        os_name=os_name,
        device_type=device_type,
        is_mobile=device_type in {"Mobile", "Tablet"} if device_type else None,
    )


def _device_type(text: str, os_name: str, family: str) -> str:
    """Bot, Tablet, Mobile, TV or Desktop; empty where neither system nor device is known."""
    if family == "Spider":
        return "Bot"
    if not os_name and not family:
        return ""
    if "iPad" in text or "Tablet" in text or (os_name == "Android" and "Mobile" not in text and "TV" not in text):
        return "Tablet"
    if "TV" in text:
        return "TV"
    return "Mobile" if "Mobi" in text or os_name in _PHONES else "Desktop"
