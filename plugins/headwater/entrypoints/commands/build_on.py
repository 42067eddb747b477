"""`headwater build --every`: a service that builds at an interval."""

from __future__ import annotations

import logging
import re
import signal
import sys
import threading

import typer

from headwater.app.build import BuildLimits
from headwater.app.keep_building import Rhythm, keep_building
from headwater.app.watching import tell
from headwater.bootstrap import Platform
from headwater.entrypoints.log_lines import log_lines
from headwater.errors import FixSettings, HeadwaterError

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(text: str) -> float:
    """Seconds of an interval such as `30s`, `2m` or `45`. Raises `FixSettings`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if match is None or not float(match[1]):
        raise FixSettings(f"{text!r} is no interval. Write it like 30s, 2m or 1h.")
    return float(match[1]) * _UNITS_S[match[2]]


def build_on(platform: Platform, limits: BuildLimits, rhythm: Rhythm) -> None:
    """Build until SIGTERM or Ctrl-C; the plan that is under way is finished first."""
    log_lines()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    def update_dimensions() -> None:
        for name in ("dim_users", "dim_geo"):
            platform.update_dimension(name)

    tell("started", every_s=rhythm.every_s, dimensions_every_s=rhythm.dimensions_every_s)
    try:
        builds = keep_building(
            lambda: platform.build(limits, stop=stopping.is_set), update_dimensions, rhythm, stopping, tell
        )
    except HeadwaterError as error:
        tell("ended", logging.ERROR, error=f"{type(error).__name__}: {error}", exit_code=error.exit_code)
        if sys.stderr.isatty():
            raise
        raise typer.Exit(error.exit_code) from error
    tell("stopped", builds=builds)
