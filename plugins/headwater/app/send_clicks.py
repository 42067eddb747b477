"""Send clicks on products, each when it falls due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headwater.contracts.streams import CLICKS
from headwater.core.generator.clicks import ClickSpec, clicks
from headwater.ports import Clock, EventLog

_TELL_EVERY = 100


@dataclass(frozen=True, slots=True)
class SentClicks:
    """What was sent: clicks, and how many of them break the contract."""

    clicks: int
    broken: int
    elapsed_s: float
    seed: int


def send_clicks(
    log: EventLog,
    clock: Clock,
    wait: Callable[[float], bool],
    spec: ClickSpec,
    tell: Callable[[int], None] = lambda _sent: None,
) -> SentClicks:
    """Send the clicks of `spec`; `wait` pauses for seconds and returns true when the sending shall stop.

    Everything sent is acknowledged when this returns. Raises `FixSettings` when the topic is missing.
    """
    log.epoch(CLICKS.topic)
    started = clock.now()
    sent = broken = 0

    def elapsed_s() -> float:
        return (clock.now() - started).total_seconds()

    with log.sink() as sink:
        for click in clicks(spec):
            pause_s = click.due_s - elapsed_s()
            if pause_s > 0 and wait(pause_s):
                break
            sink.send(CLICKS.topic, *click.message(clock.now()))
            sent += 1
            broken += click.is_broken
            if sent % _TELL_EVERY == 0:
                tell(sent)
        sink.flush()
    return SentClicks(sent, broken, elapsed_s(), spec.seed)
