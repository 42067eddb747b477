"""Who may send events: origins of pages, write keys of sites, and how many events a key may send."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from fastapi import Request

from headwater.core.write_keys import Bucket, WriteKey, find
from headwater.errors import FixSettings

_PREFLIGHT_KEPT_S = "600"
_ALLOWED_HEADERS = "Content-Type, Content-Encoding, X-Write-Key, Authorization"
_BEARER = "bearer "


class RefusalError(Exception):
    """A request that is not taken, with its answer."""

    def __init__(self, status: int, code: str, detail: str, retry_after_s: float = 0) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = {"Retry-After": str(math.ceil(retry_after_s))} if retry_after_s else {}


class Doorkeeper:
    """Looks at the head of each request."""

    def __init__(self, keys: Callable[[], Mapping[str, WriteKey]], origins: str, rate: float) -> None:
        self._keys = keys
        self._origins = frozenset(origin.strip().rstrip("/") for origin in origins.split(",") if origin.strip())
        self._rate = rate
        self._buckets: dict[str, Bucket] = {}

    def origin(self, request: Request) -> dict[str, str]:
        """Headers that let the page read the answer. Raises `RefusalError` for pages of other origins."""
        origin = request.headers.get("origin", "")
        if not origin or origin.partition("://")[2] == request.headers.get("host"):
            return {}
        if "*" in self._origins or origin in self._origins:
            return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        raise RefusalError(403, "unknown_origin", "HEADWATER_COLLECTOR_ORIGINS does not name the origin of this page")

    def preflight(self, request: Request) -> dict[str, str]:
        """The answer to a browser that asks before it sends."""
        return {
            **self.origin(request),
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_KEPT_S,
        }

    def key(self, request: Request) -> WriteKey:
        """The request's write key: in a header, or in the query, as beacons cannot set headers."""
        headers = request.headers
        key = headers.get("x-write-key") or request.query_params.get("write_key", "")
        given = headers.get("authorization", "")
        if not key and given[: len(_BEARER)].lower() == _BEARER:
            key = given[len(_BEARER) :].strip()
        try:
            known = find(self._keys(), key)
        except FixSettings:
            raise RefusalError(503, "no_keys", "the file of write keys is not readable", retry_after_s=10) from None
        if known is None:
            raise RefusalError(401, "unknown_key", "send the site's write key in the header X-Write-Key")
        return known

    def rate(self, key: WriteKey, events: int) -> None:
        """Raise `RefusalError` when the key has sent too many events of late."""
        now_s = time.monotonic()
        bucket = self._buckets.setdefault(key.hash, Bucket(self._rate, now_s))
        if wait_s := bucket.take(events, now_s):
            detail = f"a write key may send {self._rate:g} events per second"
            raise RefusalError(429, "rate_limit", detail, retry_after_s=wait_s)
