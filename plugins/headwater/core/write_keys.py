"""Write keys: who may send events for which site. Only hashes are kept; a key is shown once, when it is made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from headwater.errors import FixSettings

PREFIX = "hwk_"
# Site of the key in the settings.
OWN_SITE = "local"
_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class WriteKey:
    """One key; its id is the beginning of its hash."""

    hash: str
    site: str
    made_at: datetime

    @property
    def id(self) -> str:
        """Short name for people."""
        return self.hash[:12]


def hash_key(key: str) -> str:
    """SHA-256 is enough: keys are 128 random bits and cannot be guessed from it."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def demand_site(site: str) -> str:
    """The name itself, or `FixSettings`: it becomes a label of metrics and the name of an origin."""
    if not _SITE.fullmatch(site):
        raise FixSettings(f"{site!r} is no name of a site: use letters, digits, dots, dashes, at most 63 of them.")
    return site


class Bucket:
    """Allows `rate` events per second on average, and twice as many at once after a pause."""

    def __init__(self, rate: float, now_s: float) -> None:
        self._rate = rate
        self._most = 2 * rate
        self._left = self._most
        self._at_s = now_s

    def take(self, events: int, now_s: float) -> float:
        """Take the events in; returns 0, or the seconds until they could be taken."""
        self._left = min(self._most, self._left + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        wanted = min(events, self._most)  # a request beyond the burst waits for a full bucket
        if self._left < wanted:
            return (wanted - self._left) / self._rate
        self._left -= events
        return 0.0


def find(keys: Mapping[str, WriteKey], key: str) -> WriteKey | None:
    """What is known of a key; None when there is no such key."""
    return keys.get(hash_key(key)) if key else None
