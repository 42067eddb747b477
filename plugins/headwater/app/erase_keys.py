"""The keys of a person who is erased: ids, addresses, visits and events; and the secret key of what stays of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from headwater.app.plan_books import MAX_GENERATIONS, never_complete
from headwater.core.personal_data import PLACES, Place, Rule, count_rows
from headwater.core.plans import Plan
from headwater.errors import FixSettings
from headwater.ports import Database

SHEET = "erasure_keys"
REQUESTS = "erasure_requests"
# Each piece reads what those before it have found.
_PIECES = ("people", "clicks", "events", "needles")


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """The secret under which the keys of erased persons are hashed."""

    low: int
    high: int

    @classmethod
    def of(cls, secret: str) -> Key:
        """Derive the key of SipHash from a secret of any length."""
        digest = hashlib.sha256(secret.encode()).digest()
        return cls(int.from_bytes(digest[:8]), int.from_bytes(digest[8:16]))

    @property
    def key_id(self) -> int:
        """Tells two keys apart without telling them."""
        digest = hashlib.sha256(b"key id of erasures" + self.low.to_bytes(8) + self.high.to_bytes(8)).digest()
        return int.from_bytes(digest[:8])

    @property
    def parameters(self) -> dict[str, object]:
        """As statements take it."""
        return {"key_low": self.low, "key_high": self.high}


def demand_key(database: Database, key: Key | None) -> Key:
    """The key, if it is the one that the tombstones were made with. Raises `FixSettings`."""
    standing = {int(row["key_id"]) for row in database.rows("erase/key_ids")}
    if key is None or (standing and standing != {key.key_id}):
        problem = "is not set" if key is None else "is another one than that of earlier erasures"
        raise FixSettings(
            f"HEADWATER_ERASURE_KEY {problem}, so erased persons could come back with events that are delivered again. "
            "Set the value that was used before (the local stack keeps it in erasure.key in HEADWATER_HOME)."
        )
    return key


def collect(database: Database, plan: Plan | None, request: UUID, requests: str = REQUESTS, sheet: str = SHEET) -> None:
    """Write down the keys of the person, piece by piece; a piece that stands is final. Without a plan: a preview."""
    number = plan.plan if plan else 0
    for generation in range(MAX_GENERATIONS):
        standing = {row["piece"] for row in database.rows("erase/pieces", keys=sheet, plan=number)}
        if standing.issuperset(_PIECES) or not database.rows("erase/asked_in", requests=requests, request=request):
            return
        for piece in _PIECES:
            if piece not in standing:
                token = plan.token(f"erase/{piece}", generation) if plan else None
                database.run(
                    f"erase/{piece}", token=token, plan=number, request=request, mark=piece, keys=sheet,
                    requests=requests,
                )  # fmt: skip
    if plan:
        raise never_complete(plan, "keys")


def count_places(database: Database, sheet: str, plan: int, places: Sequence[Place] = PLACES) -> dict[str, int]:
    """Rows of the person in every place that is told by a condition, and in the facts."""
    found = {
        place.name: int(database.query(count_rows(place, sheet, plan))[0]["rows"])
        for place in places
        if place.rule is Rule.DELETE
    }
    if places is PLACES:
        found["analytics.fact_events"] = int(database.rows("erase/facts", keys=sheet, plan=plan)[0]["rows"])
    return found
