"""What of the dead letters is sent again: selections, the dead letters themselves, and the plans made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from headwater.contracts.streams import STREAMS
from headwater.core.verdict import Rejected, judge
from headwater.errors import FixSettings

REPLAY_ORIGIN = "replay of "
# A topic takes messages of 2,000,000 bytes, with their key and headers.
MAX_SENT_BYTES = 1_900_000

_ID = re.compile(r"[^/\s]+/(?:[0-9a-f]{8}-[0-9a-f-]{27}/)?\d+/\d+")


class SecondFailure(StrEnum):
    """What happens to an event that breaks the contract again."""

    DEAD_LETTER = "dead-letter"
    STOP = "stop"
    DROP = "drop"


class Outcome(StrEnum):
    """What a plan does with a dead letter that it took."""

    SEND = "send"
    HOPELESS = "hopeless"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters; an empty part does not restrict. Times are Kafka's times of the messages."""

    streams: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    since: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    until: datetime = datetime(2200, 1, 1, tzinfo=UTC)
    failed_again: bool = False

    def __post_init__(self) -> None:
        """Raises `FixSettings` for a stream or id that cannot be."""
        unknown = [name for name in self.streams if name not in STREAMS]
        if unknown:
            raise FixSettings(f"There is no stream {', '.join(unknown)}. There are: {', '.join(STREAMS)}.")
        wrong = [text for text in self.ids if not _ID.fullmatch(text)]
        if wrong:
            raise FixSettings(f"{wrong[0]!r} names no message. Write topic/partition/offset, as browser_events/0/4711.")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a message stands in Kafka."""

    topic: str
    epoch: UUID
    partition: int
    offset: int

    @property
    def replay_origin(self) -> str:
        """Origin of a message that is a replay of this one."""
        return f"{REPLAY_ORIGIN}{self.topic}/{self.epoch}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that broke the contract; `raw` is None when it is no longer kept."""

    stream: str
    position: Position
    raw: bytes | None
    reason: str
    field: str


@dataclass(frozen=True, slots=True)
class Item:
    """A dead letter in a plan, and what the plan does with it."""

    letter: DeadLetter
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """Dead letters that are sent together or not at all; whoever finds it carries it out, with the same outcome."""

    number: int
    plan_id: UUID
    policy: SecondFailure
    items: Sequence[Item]

    @property
    def sent(self) -> list[DeadLetter]:
        """What goes to Kafka."""
        return [i.letter for i in self.items if i.outcome is Outcome.SEND and i.letter.raw is not None]

    @property
    def gone(self) -> int:
        """Items whose bytes were removed after the plan was made."""
        return sum(1 for i in self.items if i.outcome is Outcome.SEND and i.letter.raw is None)

    @property
    def not_sent(self) -> int:
        """Items that the plan itself leaves out."""
        return sum(1 for i in self.items if i.outcome is not Outcome.SEND)

    @property
    def transaction(self) -> str:
        """Name under which its messages are sent at most once."""
        return f"headwater-replay-{self.plan_id}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A replayed message that became a dead letter again."""

    position: Position
    reason: str
    field: str
    detail: str
    origin: str

    def describe(self) -> str:
        """One line for people."""
        place = f"{self.position.topic}[{self.position.partition}]@{self.position.offset}"
        what = f"{self.reason} in `{self.field}`" if self.field else self.reason
        return f"{self.origin}: {what} ({self.detail}), now at {place}"


def decide_items(letters: Iterable[DeadLetter], policy: SecondFailure, now: datetime) -> list[Item]:
    """What is done with each letter: with `drop`, what the contract of today refuses is not sent."""
    return [_decide(letter, policy, now) for letter in letters]


def _decide(letter: DeadLetter, policy: SecondFailure, now: datetime) -> Item:
    raw = letter.raw or b""
    if len(raw) > MAX_SENT_BYTES:
        return Item(letter, Outcome.TOO_LARGE, f"{len(raw):,} bytes, Kafka takes {MAX_SENT_BYTES:,}")
    if policy is SecondFailure.DROP:
        verdict = judge(STREAMS[letter.stream], raw, now)
        if isinstance(verdict, Rejected):
            where = f" in {verdict.field}" if verdict.field else ""
            return Item(letter, Outcome.HOPELESS, f"{verdict.reason.value}{where}: {verdict.detail}")
    return Item(letter, Outcome.SEND)
