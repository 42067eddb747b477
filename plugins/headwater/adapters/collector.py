"""The HTTP collector as a program that sends events sees it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import httpx

from headwater.errors import FixSettings, Retry, Stop

_TRIES = 20


class CollectorClient:
    """Sends events; what was not taken is sent again, which counts once."""

    def __init__(self, url: str, write_key: str) -> None:
        self._url = f"{url.rstrip('/')}/events"
        self._headers = {"X-Write-Key": write_key}

    def send(self, events: Sequence[dict[str, Any]]) -> int:
        """Send events of one visit; returns how many were accepted. Raises `Retry` when they are not taken in time."""
        for _ in range(_TRIES):
            try:
                answer = httpx.post(self._url, json=list(events), headers=self._headers, timeout=30)
            except httpx.HTTPError:
                time.sleep(1)
                continue
            if answer.status_code in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
                time.sleep(float(answer.headers.get("retry-after", "1")))
                continue
            if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                raise FixSettings(f"The collector at {self._url} does not know HEADWATER_COLLECTOR_WRITE_KEY.")
            if answer.status_code != httpx.codes.ACCEPTED:
                raise Stop(f"The collector at {self._url} answered {answer.status_code}: {answer.text[:300]}")
            return int(answer.json()["accepted"])
        raise Retry(f"The collector at {self._url} does not take events. Look at `headwater status` and its log.")
