"""Small events for tests, each valid until a test changes it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid5

_NAMESPACE = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def an_id(name: str) -> str:
    """The same UUID for the same name."""
    return str(uuid5(_NAMESPACE, name))


def browser(event: str, click: str = "c1", at: str = "2026-05-01 10:00:00", **changes: Any) -> bytes:
    """A browser event."""
    return _raw(
        {
            "event_id": an_id(event), "event_timestamp": at, "event_type": "pageview", "click_id": an_id(click),
            "browser_name": "Firefox", "browser_language": "de", "browser_user_agent": "Mozilla/5.0",
        },
        changes,
    )  # fmt: skip


def device(click: str = "c1", user: str = "u1", **changes: Any) -> bytes:
    """The device of a click_id."""
    return _raw(
        {
            "click_id": an_id(click), "os": "Linux 6.1", "os_name": "Linux", "os_timezone": "Europe/Berlin",
            "device_type": "Desktop", "device_is_mobile": False, "user_custom_id": f"{user}@example.com",
            "user_domain_id": an_id(user),
        },
        changes,
    )  # fmt: skip


def geo(click: str = "c1", **changes: Any) -> bytes:
    """The place of a click_id."""
    return _raw(
        {
            "click_id": an_id(click), "geo_latitude": "52.52", "geo_longitude": "13.405", "geo_country": "DE",
            "geo_timezone": "Europe/Berlin", "geo_region_name": "Berlin", "ip_address": "192.0.2.7",
        },
        changes,
    )  # fmt: skip


def location(event: str, path: str = "/home", **changes: Any) -> bytes:
    """The page of an event."""
    return _raw(
        {
            "event_id": an_id(event), "page_url": f"https://shop.example.com{path}", "page_url_path": path,
            "referer_url": "", "referer_medium": "search", "utm_medium": "cpc", "utm_source": "google",
            "utm_content": "a", "utm_campaign": "spring",
        },
        changes,
    )  # fmt: skip


def interaction(event: str, click: str = "c1", at: str = "2026-05-01 10:00:00", **changes: Any) -> bytes:
    """What was done on the page."""
    return _raw(
        {
            "event_id": an_id(event), "click_id": an_id(click), "event_type": "click", "event_title": "Buy",
            "element_id": "buy", "x": 10.5, "y": 20, "payload": "", "event_timestamp": at, "page_url_path": "/cart",
        },
        changes,
    )  # fmt: skip


def counted(_event: str, **changes: Any) -> bytes:
    """Clicks on a product in a window."""
    return _raw({"product_id": 7, "count": 1, "timestamp": 1_777_629_600}, changes)


def _raw(event: dict[str, Any], changes: dict[str, Any]) -> bytes:
    merged = {**event, **changes}
    return json.dumps({k: v for k, v in merged.items() if v is not ...}).encode()
