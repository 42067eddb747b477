"""`headwater consume` and `headwater lag`: store what comes, and see how far behind that is."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from headwater.adapters.metrics import Metrics, serving
from headwater.app.consumer import periodically
from headwater.app.lag import ConsumerStatus, PartitionStatus
from headwater.app.storing import Moved
from headwater.app.watching import tell
from headwater.bootstrap import ConsumerService, Platform
from headwater.contracts.streams import STREAMS
from headwater.entrypoints.commands.output import AsJson, console, show_json, show_table
from headwater.entrypoints.commands.readiness import until_ready
from headwater.entrypoints.log_lines import log_lines
from headwater.errors import FixSettings, HeadwaterError
from headwater.settings import Settings, load_settings

_LOOK_S = 5.0
# A heartbeat that waits for Kafka at the end is given up.
_LAST_BEAT_S = 2.0

StreamNames = Annotated[
    list[str] | None, typer.Option("--stream", "-s", help=f"Only this stream; repeatable. Of: {', '.join(STREAMS)}.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(rich_help_panel="Pipeline")(consume)
    app.command(rich_help_panel="Questions")(lag)


def consume(
    stream: StreamNames = None,
    drain: Annotated[bool, typer.Option("--drain", help="Store what the topics hold now, then stop.")] = False,
    reject_ratio: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="With --drain: let this share of rejects pass.",
            show_default="HEADWATER_REJECT_RATIO or 0.2",
        ),
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Only show where every partition stands; consume nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --status: print JSON instead of tables.")] = False,
    heartbeat_seconds: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds between heartbeats, 0 for none.", show_default="HEADWATER_HEARTBEAT_S or 10"),
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve Prometheus metrics on 127.0.0.1 at this port.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for schema and topics where they are missing, instead of ending.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every claim.")] = False,
) -> None:
    """Store messages in ClickHouse as they come, exactly once, until Ctrl-C or SIGTERM.

    Any number of these may run, also beside the DAG `streaming_to_clickhouse`. Logs go to stderr, as one JSON object
    per line when that is no terminal. An error that may pass restarts its stream after a pause; any other ends the
    whole process with the exit code of the error (2: settings, 1: a person must look).
    """
    names = _known(stream)
    if status:
        platform = Platform()
        platform.demand(names)
        _show_status(platform.consumer_status(names), as_json)
    elif drain:
        _show_moved([Platform().drain(name, reject_ratio=reject_ratio) for name in names])
    else:
        _serve(names, heartbeat_seconds, metrics_port, wait=wait, verbose=verbose)


def _known(names: list[str] | None) -> list[str]:
    unknown = [name for name in names or () if name not in STREAMS]
    if unknown:
        raise FixSettings(f"There is no stream {', '.join(unknown)}. There are: {', '.join(STREAMS)}.")
    return list(dict.fromkeys(names or STREAMS))


def _serve(names: list[str], heartbeat_s: float | None, metrics_port: int | None, *, wait: bool, verbose: bool) -> None:
    """Run the service; off a terminal its end is one more log line, with the exit code of the error."""
    log_lines(verbose=verbose)
    settings = load_settings()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    beat_s = settings.heartbeat_s if heartbeat_s is None else heartbeat_s
    try:
        moved = _run(names, settings, stopping, beat_s, metrics_port, wait=wait)
    except HeadwaterError as error:
        tell("ended", logging.ERROR, error=f"{type(error).__name__}: {error}", exit_code=error.exit_code)
        if sys.stderr.isatty():
            raise
        raise typer.Exit(error.exit_code) from error
    for each in moved:
        tell(
            "stopped", stream=each.stream, messages=each.messages, staged=each.staged, dead_letters=each.dead_letters,
            heartbeats=each.heartbeats, lost=each.lost, repairs=each.repairs, claims=each.claims,
        )  # fmt: skip
    if sys.stdout.isatty():
        _show_moved(moved)


def _run(
    names: list[str], settings: Settings, stopping: threading.Event, beat_s: float, port: int | None, *, wait: bool
) -> list[Moved]:
    """The members, and beside them heartbeats, metrics and the monitor, until `stopping` is set."""
    meter = Metrics()
    with ExitStack() as stack:
        if port is not None:
            tell("metrics", address=f"127.0.0.1:{stack.enter_context(serving(meter, port))}")
        service = ConsumerService(names, meter, settings)
        stack.callback(service.close)
        tell("started", streams=names, member=service.member, heartbeat_s=beat_s)
        if not until_ready(lambda: service.platform.demand(names), stopping, wait=wait):
            return [Moved(name) for name in names]
        if beat_s:
            stack.callback(periodically(beat_s, stopping, service.heartbeats.beat).join, _LAST_BEAT_S)
        stack.callback(stopping.set)
        return service.consumer.run(stopping, _LOOK_S, service.monitor.look)


def lag(
    minutes: Annotated[float, typer.Option(min=0.1, help="How far to look back.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show how long events take from being sent to being queryable, for each stream, by heartbeats.

    Running consumers send small messages of their own the way of the events. Measured is the time from their sending
    until ClickHouse had counted and booked all messages around them: an upper bound of what a reader sees.
    """
    platform = Platform()
    platform.demand(STREAMS)
    found = platform.freshness(minutes)
    if as_json:
        show_json([asdict(each) for each in found])
        return
    show_table(
        f"Seconds from sent to queryable, last {minutes:g} min",
        ["stream", "heartbeats", "50%", "99%", "99.9%", "max", "last sent at"],
        [
            (each.stream, each.heartbeats, each.p50_s, each.p99_s, each.p999_s, each.max_s, _moment(each.last_sent_at))
            for each in found
        ],
    )
    if not any(each.heartbeats for each in found):
        console.print("No heartbeat has arrived. They are sent while `headwater consume` runs on.")


def _show_status(found: ConsumerStatus, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "partitions": [{**asdict(part), "lag": part.lag} for part in found.partitions],
                "errors": [asdict(error) for error in found.errors],
            }
        )
        return
    show_table(
        "", ["stream", "partition", "position", "end", "lag", "messages/s", "last stored at", "last error"],
        [_status_row(part, found) for part in found.partitions],
    )  # fmt: skip
    for error in found.errors:
        console.print(f"{_moment(error.happened_at)}  {error.stream}  {error.message}", markup=False)


def _status_row(part: PartitionStatus, found: ConsumerStatus) -> tuple[object, ...]:
    error = found.error_of(part.stream)
    return (
        part.stream, part.partition, part.position, part.end, part.lag, part.messages_per_s,
        _moment(part.last_stored_at), f"{error.consequence}, {_moment(error.happened_at)}" if error else None,
    )  # fmt: skip


def _show_moved(moved: list[Moved]) -> None:
    show_table(
        "", ["stream", "messages", "staged", "dead letters", "lost", "repairs"],
        [(m.stream, m.messages, m.staged, m.dead_letters, m.lost, m.repairs) for m in moved],
    )  # fmt: skip


def _moment(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else None
