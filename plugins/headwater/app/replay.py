"""Send dead letters to their topics again, each once, so that they go the normal way and are judged anew.

A replay works in numbered plans. A plan takes dead letters that no plan took before; of several replays one wins the
number, and whoever finds a plan that is not done carries it out. Its messages are one transaction under the plan's
name, which Kafka keeps at most once. So a replay may be killed at any point, run again, or run twice at once.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from headwater.app.heartbeats import heartbeat
from headwater.contracts.streams import STREAMS
from headwater.core.lines import find_key
from headwater.core.replay import Failure, ReplayPlan, SecondFailure, Selection, decide_items
from headwater.errors import Stop
from headwater.ports import Clock, EventLog, ReplayBook

PLAN_ROWS = 10_000
PLAN_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class Replayed:
    """What one run did, summed over the plans that it carried out, those left by others included."""

    plans: int = 0
    sent: int = 0
    not_sent: int = 0
    gone: int = 0

    def add(self, plan: ReplayPlan) -> None:
        """Count one plan."""
        self.plans += 1
        self.sent += len(plan.sent)
        self.not_sent += plan.not_sent
        self.gone += plan.gone


class ReplayFailed(Stop):
    """With the policy `stop`: events broke the contract again; nothing further was sent."""

    def __init__(self, failures: Sequence[Failure], replayed: Replayed) -> None:
        shown = "\n".join(failure.describe() for failure in failures[:5])
        super().__init__(
            f"{len(failures):,} of {replayed.sent:,} replayed events break the contract again, so the rest was not "
            f"sent:\n{shown}\nThey are dead letters again. Fix the contract, then run `headwater replay "
            "--failed-again` for these, and `headwater replay` for the rest.",
            replayed=replayed,
        )
        self.failures = failures


class Replay:
    """Carries out plans until nothing of a selection is left."""

    def __init__(
        self, log: EventLog, book: ReplayBook, clock: Clock, drain: Callable[[str], object] = lambda _stream: None
    ) -> None:
        """`drain` stores what the topic of a stream holds; the policy `stop` needs it to see the verdicts."""
        self._log = log
        self._book = book
        self._clock = clock
        self._drain = drain
        self._member = f"{socket.gethostname()}/{os.getpid()}"

    def count(self, selection: Selection) -> Sequence[Mapping[str, Any]]:
        """What a replay would take now, by stream, reason and field, and what replays took before."""
        return self._book.count(selection, self._clock.now())

    def run(
        self,
        selection: Selection,
        policy: SecondFailure = SecondFailure.DEAD_LETTER,
        tell: Callable[[Replayed], None] = lambda _replayed: None,
    ) -> Replayed:
        """Replay every dead letter of the selection that is there now and was not replayed before.

        Raises `ReplayFailed` with the policy `stop` when one breaks the contract again, `Retry` when Kafka is away or
        another replay carries out the same plan; running again goes on.
        """
        before = self._clock.now()
        replayed = Replayed()
        rows = 1 if policy is SecondFailure.STOP else PLAN_ROWS
        while (plan := self._next(selection, policy, before, rows)) is not None:
            self._carry_out(plan)
            replayed.add(plan)
            tell(replayed)
            if policy is SecondFailure.STOP:
                self._demand(plan, replayed)
                rows = min(rows * 10, PLAN_ROWS)
        return replayed

    def _next(self, selection: Selection, policy: SecondFailure, before: datetime, rows: int) -> ReplayPlan | None:
        """The plan that somebody left, else a new one of what is left; None when nothing is left."""
        number, is_done = self._book.last()
        if not is_done:
            return self._book.plan(number)
        letters = self._book.candidates(selection, before, rows, PLAN_BYTES)
        if not letters:
            return None
        now = self._clock.now()
        proposal = ReplayPlan(number + 1, uuid4(), policy, decide_items(letters, policy, now))
        return self._book.reserve(proposal, now, self._member)

    def _carry_out(self, plan: ReplayPlan) -> None:
        """Send the messages of the plan unless that was done, then close it."""
        letters = plan.sent
        if letters:
            topics = sorted({letter.position.topic for letter in letters})
            closing = heartbeat("replay", self._clock.now())
            with self._log.once(plan.transaction, topics, closing) as sink:
                if not sink.was_sent:
                    for letter in letters:
                        raw = letter.raw or b""
                        key = find_key(raw, STREAMS[letter.stream].key_field)
                        sink.send(letter.position.topic, key, raw, letter.position.replay_origin)
                    sink.commit()
        self._book.finish(plan, self._clock.now())

    def _demand(self, plan: ReplayPlan, replayed: Replayed) -> None:
        """Let the messages of the plan be judged; raises `ReplayFailed` when one was refused again."""
        for stream in sorted({letter.stream for letter in plan.sent}):
            self._drain(stream)
        failures = self._book.failed(plan.number)
        if failures:
            raise ReplayFailed(failures, replayed)
