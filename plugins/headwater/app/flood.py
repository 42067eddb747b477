"""Stop the engine before it commits when too many events break the contract."""

from __future__ import annotations

import threading

from headwater.core.flood import FloodLimit, FloodOfRejects, FloodWindow, Judged
from headwater.core.ranges import Claim, Found
from headwater.ports import Ledger


class FloodGuard:
    """Looks at every claim of a member between its count and its closing.

    Judges by what the books say of the partition before the claim, so that a claim that was stopped is stopped again
    by whoever takes it up, until a higher limit lets it pass.
    """

    def __init__(self, ledger: Ledger, limit: FloodLimit) -> None:
        self._ledger = ledger
        self._limit = limit
        self._windows: dict[int, tuple[int, FloodWindow]] = {}
        # Two threads may finish one claim of another member.
        self._lock = threading.Lock()

    def check(self, claim: Claim, found: Found) -> None:
        """Raises `FloodOfRejects` when the rejects of the claim, with those shortly before it, are over the limit."""
        judged = Judged(found.total, found.dead_letters)
        if judged.messages:
            with self._lock:
                self._check(claim, judged)

    def _check(self, claim: Claim, judged: Judged) -> None:
        behind, window = self._windows.get(claim.partition, (-1, None))
        if window is None or behind != claim.from_offset:  # other members stored what lies between
            if not judged.dead_letters:
                self._windows.pop(claim.partition, None)
                return  # good messages only make the share smaller; what came before is looked up when it matters
            window = FloodWindow(self._limit, self._ledger.judged_before(claim))
        flood = window.with_next(judged)
        if flood is not None:
            self._windows.pop(claim.partition, None)
            raise FloodOfRejects(claim, flood, self._limit, self._ledger.common_reject(claim))
        window.add(judged)
        self._windows[claim.partition] = (claim.to_offset, window)
