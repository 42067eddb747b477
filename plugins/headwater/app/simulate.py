"""Play live visits: send each event when it falls due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from headwater.contracts.streams import FACT_STREAMS
from headwater.core.generator.live import live_events
from headwater.ports import Clock, EventLog

_TELL_EVERY = 10


@dataclass(frozen=True, slots=True)
class Simulated:
    """What was sent."""

    events: int
    messages: int
    visits: int
    elapsed_s: float
    seed: int


def simulate(
    log: EventLog,
    clock: Clock,
    wait: Callable[[float], bool],
    rate: float,
    seed: int,
    duration_s: float | None = None,
    tell: Callable[[int], None] = lambda _events: None,
) -> Simulated:
    """Send visits at `rate` events per second, each event at its time and in all streams.

    `wait` pauses for a number of seconds and returns true when the sending shall stop. Everything sent is
    acknowledged when this returns. Raises `FixSettings` when a topic is missing, `Retry` when a message was refused.
    """
    for stream in FACT_STREAMS.values():
        log.epoch(stream.topic)
    planned = live_events(rate, seed)
    upcoming = chain([next(planned)], planned)  # the first one takes time to find
    started = clock.now()
    events = messages = 0
    seen: set[int] = set()

    def elapsed_s() -> float:
        return (clock.now() - started).total_seconds()

    with log.sink() as sink:
        for event in upcoming:
            ends = duration_s is not None and event.due_s >= duration_s
            pause_s = (duration_s if ends and duration_s is not None else event.due_s) - elapsed_s()
            if wait(max(pause_s, 0.0)) or ends:
                break
            for topic, key, value in event.messages(clock.now()):
                sink.send(topic, key, value)
                messages += 1
            events += 1
            seen.add(event.visit)
            if events % _TELL_EVERY == 0:
                tell(events)
        sink.flush()
    return Simulated(events, messages, len(seen), elapsed_s(), seed)
