"""When rejects are a flood: more than a few bad events point at our bug or a broken producer, not at the events."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from headwater.core.ranges import Claim
from headwater.errors import Stop


@dataclass(frozen=True, slots=True)
class FloodLimit:
    """The largest share of rejects that is let through, looked at over the last `messages` of a partition.

    Fewer messages than that are too few to judge by.
    """

    ratio: float = 0.2
    messages: int = 1_000


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one claim: its messages, and how many of them broke the contract."""

    messages: int
    dead_letters: int


@dataclass(frozen=True, slots=True)
class CommonReject:
    """The reason and field that most rejects of a range have."""

    reason: str
    field: str
    events: int


class FloodWindow:
    """The last claims of one partition, as few as hold the messages of the limit.

    What was stored before is told in order at the start. A flood among it was let through by a person, so that
    counting starts over behind it: letting a flood pass once is enough.
    """

    def __init__(self, limit: FloodLimit, stored: Iterable[Judged] = ()) -> None:
        self._limit = limit
        self._claims: deque[Judged] = deque()
        for claim in stored:
            if self.with_next(claim) is not None:
                self._claims.clear()
            else:
                self.add(claim)

    def with_next(self, claim: Judged) -> Judged | None:
        """The messages and rejects of the window with `claim` added, when that is a flood; else None.

        A claim that is itself within the limit is never the flood.
        """
        if not self._over(claim):
            return None
        window = self._window(claim)
        return window if window.messages >= self._limit.messages and self._over(window) else None

    def add(self, claim: Judged) -> None:
        """Note a claim that was stored."""
        self._claims.append(claim)
        total = sum(each.messages for each in self._claims)
        while total - self._claims[0].messages >= self._limit.messages:
            total -= self._claims.popleft().messages

    def _window(self, claim: Judged) -> Judged:
        messages, dead_letters = claim.messages, claim.dead_letters
        for each in reversed(self._claims):
            if messages >= self._limit.messages:
                break
            messages += each.messages
            dead_letters += each.dead_letters
        return Judged(messages, dead_letters)

    def _over(self, judged: Judged) -> bool:
        return judged.dead_letters > self._limit.ratio * judged.messages


class FloodOfRejects(Stop):
    """Too many messages break the contract; the claim stays open and nothing was committed."""

    def __init__(self, claim: Claim, window: Judged, limit: FloodLimit, common: CommonReject | None) -> None:
        most = f", most often {common.reason}" + (f" in `{common.field}`" if common.field else "") if common else ""
        super().__init__(
            f"{window.dead_letters:,} of {window.messages:,} {claim.topic} break the contract "
            f"({window.dead_letters / window.messages:.1%}, limit {limit.ratio:.0%}){most} (partition "
            f"{claim.partition}, offsets {claim.from_offset:,}–{claim.to_offset - 1:,}). Nothing was committed. "
            "`headwater replay --dry-run` counts them by reason. Fix the producer or the contract, then "
            "let the range pass with `headwater consume --drain --reject-ratio 1` (or the DAG's parameter "
            "reject_ratio): its bad events stay dead letters, and `headwater replay` brings them back.",
            claim=claim,
            window=window,
            limit=limit,
            common=common,
        )
