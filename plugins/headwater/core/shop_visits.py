"""Visits of the demo shop as a tracker would send them: home → product → cart → payment → confirmation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

_STEPS = (
    ("/home", "see-product-a", "Lantern"),
    ("/product_a", "add-to-cart", "Add to cart"),
    ("/cart", "to-payment", "To the payment"),
    ("/payment", "pay", "Pay"),
    ("/confirmation", "", ""),
)
_PAGE_S = 7
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0"
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_WEBKIT} Mobile Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Safari/537.36",
)
_SOURCES = ("utm_source=newsletter&utm_medium=email&utm_campaign=weekly_1", "utm_source=google&utm_medium=cpc", "")


def shop_visit(site: str, number: int, ended_at: datetime) -> list[dict[str, Any]]:
    """Events of one visit that ended just now; `number` chooses device and source."""
    visit = {
        "session_id": str(uuid4()),
        "user_id": str(uuid4()),
        "user_agent": _AGENTS[number % len(_AGENTS)],
        "language": "en-US",
        "timezone": "UTC",
    }
    query = _SOURCES[number % len(_SOURCES)]
    began = ended_at - timedelta(seconds=_PAGE_S * (len(_STEPS) - 1) + number)
    return [{**visit, **event} for event in _events(site, f"?{query}" if query else "", began)]


def _events(site: str, query: str, began: datetime) -> Iterator[dict[str, Any]]:
    before = ""
    for place, (path, element, title) in enumerate(_STEPS):
        common = {"url": f"{site}{path}{query}", "referrer": before}
        at = began + timedelta(seconds=place * _PAGE_S)
        yield {**common, "event_id": str(uuid4()), "type": "pageview", "created_at": at.isoformat()}
        if element:
            payload = {"event_title": title, "element_id": element, "x": 120 + 3 * place, "y": 240}
            clicked_at = (at + timedelta(seconds=_PAGE_S - 1)).isoformat()
            yield {**common, "event_id": str(uuid4()), "type": "click", "created_at": clicked_at, "payload": payload}
        before = f"{site}{path}{query}"
