"""Commands that make events: files of any size, and live visitors."""

from __future__ import annotations

import secrets
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.app.generate import write_files
from headwater.app.simulate import simulate as simulate_visits
from headwater.contracts.streams import FACT_STREAMS
from headwater.core.generator.blocks import DEFAULT_DAYS, DEFAULT_START, Spec
from headwater.core.reference import reference_files
from headwater.errors import FixSettings, Retry, Stop
from headwater.settings import load_settings

_WAIT_S = 2.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Events")(generate)
    app.command(rich_help_panel="Events")(simulate)
    app.command(rich_help_panel="Events")(reference)


def generate(
    out: Annotated[Path, typer.Option(help="Folder for the four files; made if it is missing.", show_default=False)],
    events: Annotated[int, typer.Option(min=1, help="How many events; each is one line in each file.")] = 5000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal bytes, on any day and machine.")] = 1,
    start: Annotated[datetime, typer.Option(help="When the first visits begin, in UTC.")] = DEFAULT_START.replace(
        tzinfo=None
    ),
    days: Annotated[float, typer.Option(min=0.001, help="Time over which the visits are spread.")] = DEFAULT_DAYS,
) -> None:
    """Write events of imaginary visitors as the four JSONL files.

    The files are what `headwater` loads: point `HEADWATER_SAMPLES_DIR` at the folder to run the pipeline on them.

    Example:

      headwater generate --events 1000000 --seed 7 --days 30 --out /tmp/million
    """
    errors = Console(stderr=True, highlight=False)
    spec = Spec(events, seed, start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC), days)
    with errors.status("generating") as status:
        done = write_files(spec, out, lambda written: status.update(f"{written:,} of {events:,} events"))
    for path, size in done.sizes_bytes.items():
        sys.stdout.write(f"{path}  {done.events:,} lines  {size:,} bytes\n")


def simulate(
    rate: Annotated[float, typer.Option(min=0.01, max=5_000, help="Events per second, each in all four streams.")] = 10,
    duration: Annotated[float | None, typer.Option(min=0, help="Seconds; without it until Ctrl-C.")] = None,
    seed: Annotated[int | None, typer.Option(help="Repeat the visitors of an earlier run.", show_default="new")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the topics instead of failing without them.")] = False,
) -> None:
    """Send live visits to Kafka: events that happen now, in the pace of people.

    With the seed of an earlier run the same event ids are sent again, and count once.

    Example:

      headwater simulate --rate 50 --duration 60
    """
    errors = Console(stderr=True, highlight=False)
    chosen = secrets.randbits(32) if seed is None else seed
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log = KafkaLog(load_settings().kafka_bootstrap)
    if wait and not _topics_there(log, stop):
        return
    errors.print(f"Visitors of seed {chosen} at {rate:g} events/s; Ctrl-C ends.")
    with errors.status("0 events") as status:
        done = simulate_visits(
            log,
            SystemClock(),
            stop.wait,
            rate,
            chosen,
            duration,
            lambda sent: status.update(f"{sent:,} events"),
        )
    sys.stdout.write(
        f"{done.events:,} events ({done.messages:,} messages) of {done.visits:,} visits in {done.elapsed_s:.1f} s\n"
    )


def _topics_there(log: KafkaLog, stop: threading.Event) -> bool:
    """Wait until every topic is there; False when the wait was ended."""
    while not stop.is_set():
        try:
            for stream in FACT_STREAMS.values():
                log.epoch(stream.topic)
        except (FixSettings, Retry):
            stop.wait(_WAIT_S)
        else:
            return True
    return False


def reference(
    out: Annotated[Path, typer.Option(help="Folder of the reference.")] = Path("docs/reference"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a file differs.")] = False,
) -> None:
    """Write the reference page and the JSON Schemas of the events from the contract.

    Example:

      headwater reference --check
    """
    files = {out / name: text for name, text in reference_files().items()}
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check and stale:
        names = ", ".join(map(str, stale))
        raise Stop(f"The contract says something else than {names}. Run `headwater reference` and commit the result.")
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
    sys.stdout.write(f"{len(files)} files, {len(stale)} written\n")
