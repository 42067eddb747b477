"""Build again and again, so that facts follow what is stored by less than a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from headwater.app.plan_runner import Built
from headwater.errors import Retry

_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds from the start of one build to the next, and between two updates of the dimensions.

    A dimension is written anew whole, so it costs what all users cost, whatever is new; hence its own rhythm.
    """

    every_s: float
    dimensions_every_s: float


def keep_building(
    build: Callable[[], Built],
    update_dimensions: Callable[[], None],
    rhythm: Rhythm,
    stopping: Event,
    tell: Callable[..., None],
    now: Callable[[], float] = time.monotonic,
) -> int:
    """Build until `stopping` is set; returns the number of builds.

    A `Retry` is tried again after a pause that doubles; any other error ends the loop. `tell(event, **facts)` hears of
    every build that did something, of updates and of failures.
    """
    builds, failures = 0, 0
    updated_at: float | None = None
    is_stale = True
    while not stopping.is_set():
        began = now()
        try:
            built = build()
            builds, failures = builds + 1, 0
            is_stale = is_stale or bool(built.plans)
            if built.plans:
                tell(
                    "built", plans=len(built.plans), facts=built.facts, corrected=built.corrected,
                    waiting=built.plans[-1].waiting, took_s=round(now() - began, 3),
                )  # fmt: skip
            if is_stale and (updated_at is None or began - updated_at >= rhythm.dimensions_every_s):
                update_dimensions()
                updated_at, is_stale = began, False
                tell("dimensions updated")
            pause_s = rhythm.every_s - (now() - began)
        except Retry as error:
            failures += 1
            pause_s = min(_LONGEST_PAUSE_S, 2.0**failures)
            tell("failed", error=f"{type(error).__name__}: {error}", again_in_s=pause_s)
        stopping.wait(max(0.0, pause_s))
    if is_stale and updated_at is not None:
        update_dimensions()
    return builds
