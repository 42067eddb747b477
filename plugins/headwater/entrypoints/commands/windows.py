"""`headwater clicks` and `headwater windows`: clicks on products, counted in windows of time."""

from __future__ import annotations

import logging
import secrets
import signal
import sys
import threading
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.console import Console
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_when_event_set,
    wait_exponential_jitter,
)
from tenacity.nap import sleep_using_event

from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.metrics import Metrics, serving
from headwater.app.send_clicks import send_clicks
from headwater.app.watching import tell
from headwater.app.windows import Windowed, settings_text
from headwater.bootstrap import Platform
from headwater.contracts.streams import AGGREGATION_CLICKS, CLICKS
from headwater.contracts.windows_metrics import CLICKS as WINDOW_CLICKS
from headwater.contracts.windows_metrics import MESSAGES as WINDOW_MESSAGES
from headwater.contracts.windows_metrics import RUNNING, WINDOWS_METRICS
from headwater.core.generator.clicks import ClickSpec
from headwater.entrypoints.commands.output import AsJson, show_json, show_table
from headwater.entrypoints.commands.readiness import until_ready
from headwater.entrypoints.log_lines import log_lines
from headwater.errors import Retry
from headwater.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(rich_help_panel="Events")(clicks)
    app.command(rich_help_panel="Pipeline")(windows)


def clicks(
    rate: Annotated[float, typer.Option(min=0.1, max=20_000, help="Clicks per second.")] = 50,
    duration: Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds.")] = 60,
    products: Annotated[int, typer.Option(min=1, max=100_000, help="Products; few of them have most clicks.")] = 100,
    out_of_order: Annotated[
        float, typer.Option(min=0, max=86_400, help="Clicks come up to so many seconds after they happened.")
    ] = 5,
    broken: Annotated[float, typer.Option(min=0, max=1, help="Share that breaks the contract.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Repeat the clicks of an earlier run.", show_default="new")] = None,
) -> None:
    """Send clicks of imaginary visitors to the topic `clicks`.

    Example:

      headwater clicks --rate 200 --duration 30 --seed 7
    """
    stop = _stopping()
    chosen = secrets.randbits(32) if seed is None else seed
    spec = ClickSpec(rate, duration, products, out_of_order, broken, chosen)
    errors = Console(stderr=True, highlight=False)
    log = KafkaLog(load_settings().kafka_bootstrap)
    with errors.status("0 clicks") as status:
        done = send_clicks(log, SystemClock(), stop.wait, spec, lambda sent: status.update(f"{sent:,} clicks"))
    sys.stdout.write(
        f"{done.clicks:,} clicks, {done.broken:,} of them broken, in {done.elapsed_s:.1f} s; seed {done.seed}\n"
    )


def windows(
    drain: Annotated[bool, typer.Option("--drain", help="Count what the topic holds now, then stop.")] = False,
    emit_every: Annotated[
        float, typer.Option(min=0.2, max=3600, help="Seconds between the messages with counts.")
    ] = 10,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve Prometheus metrics on 127.0.0.1 at this port.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for schema and topics where they are missing, instead of ending.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count clicks in windows of time, until Ctrl-C or SIGTERM: `clicks` → `aggregation_clicks`.

    Each click counts once, also across crashes, and any number of these may run. The counts are stored by
    `headwater consume` or the DAG `streaming_pipeline`. Size, grace and what becomes of late clicks are settings:
    HEADWATER_WINDOW_S, HEADWATER_WINDOW_GRACE_S, HEADWATER_WINDOW_LATE.
    """
    platform = Platform()
    if drain:
        _show(platform.windows().drain(), as_json)
        return
    log_lines(verbose=False)
    stop, meter = _stopping(), Metrics(WINDOWS_METRICS)
    with ExitStack() as stack:
        if metrics_port is not None:
            tell("metrics", address=f"127.0.0.1:{stack.enter_context(serving(meter, metrics_port))}")
        meter.set(RUNNING, 0)
        if until_ready(lambda: _demand(platform), stop, wait=wait):
            _serve(platform, emit_every, stop, meter)


def _demand(platform: Platform) -> None:
    """Raise `FixSettings` unless the schema and both topics are there."""
    platform.demand([AGGREGATION_CLICKS.name])
    platform.log.epoch(CLICKS.topic)


def _serve(platform: Platform, emit_every_s: float, stop: threading.Event, meter: Metrics) -> None:
    """Count until `stop` is set; what may pass makes it begin anew after a pause."""
    counting = platform.windows(emit_every_s)
    tell("counting", windows=settings_text(platform.tumbling))

    def run() -> Windowed:
        meter.set(RUNNING, 1)
        return counting.run(stop.is_set, _Teller(meter))

    def again(state: RetryCallState) -> None:
        meter.set(RUNNING, 0)
        error = state.outcome.exception() if state.outcome else None
        tell("counting again", logging.WARNING, error=str(error))

    patient = Retrying(
        retry=retry_if_exception_type(Retry),
        wait=wait_exponential_jitter(initial=0.5, max=30),
        stop=stop_when_event_set(stop),
        sleep=sleep_using_event(stop),
        before_sleep=again,
        reraise=True,
    )
    tell("stopped", **asdict(patient(run)))


class _Teller:
    """Logs what one run has come to, and lets the metrics grow by what is new."""

    def __init__(self, meter: Metrics) -> None:
        self._meter = meter
        self._told = Windowed()

    def __call__(self, done: Windowed) -> None:
        for outcome in ("counted", "late", "rejected"):
            self._meter.add(WINDOW_CLICKS, getattr(done, outcome) - getattr(self._told, outcome), outcome=outcome)
        self._meter.add(WINDOW_MESSAGES, done.panes - self._told.panes)
        self._told = replace(done)
        tell("counted", **asdict(done))


def _stopping() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _show(done: Windowed, as_json: bool) -> None:
    if as_json:
        show_json({"clicks": done.clicks, **asdict(done)})
    else:
        show_table(
            "Clicks in windows",
            ["clicks", "counted", "late", "rejected", "messages"],
            [(done.clicks, done.counted, done.late, done.rejected, done.panes)],
        )
