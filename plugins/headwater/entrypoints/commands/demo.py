"""`headwater demo`: from nothing to numbers, with the platform left running."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import typer

from headwater.adapters.airflow import Airflow
from headwater.bootstrap import Platform
from headwater.entrypoints.commands import stack, visits
from headwater.entrypoints.commands.output import console, progress, show_table
from headwater.entrypoints.commands.query import show_summary
from headwater.entrypoints.commands.run import run
from headwater.settings import Settings, load_settings

_INIT = "init_data_pipeline"
_HISTORY = "load_from_s3"
_DAGS = ("streaming_to_clickhouse", "build_dwh_layer", "data_quality_checks")

_VISITS = 3
_SOURCES = {
    "files": "the bundled files",
    "s3": "S3: a day of history",
    "collector": "HTTP collector: live visits",
    "kafka": "Kafka: imaginary visitors",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Local stack")(demo)


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    took_s: float


def demo(
    visitors: Annotated[
        bool,
        typer.Option(
            "--with-visitors/--without-visitors",
            help="Whether imaginary visitors go on sending events, so that the last day is never empty.",
        ),
    ] = True,
) -> None:
    """Start the platform, run the pipeline on the events, and show what came of it and where to look.

    Its sources are the bundled files, moved so that the newest event is recent, the day before them out of S3, and a
    few live visits through the HTTP collector; or, where HEADWATER_SAMPLES_DIR names a folder, only your own four
    files as they are. Running it again starts from what is there and counts nothing twice: only the live visits are
    new ones. The schedules are on from then.
    """
    own_events = load_settings().samples_dir is not None
    steps: list[_Step] = []

    def timed(name: str, do: Callable[[], object]) -> None:
        began = time.monotonic()
        progress.print(f"[bold]{name}[/]")
        do()
        steps.append(_Step(name, time.monotonic() - began))

    # Whoever brings own events does not want imaginary ones among them.
    timed("Start the platform", lambda: stack.up(visitors=visitors and not own_events))
    settings = load_settings()
    with Airflow.of(settings) as airflow:
        timed("Wait for the DAGs", lambda: airflow.wait_parsed((_INIT, _HISTORY, *_DAGS)))
    timed(f"Run {_INIT}", lambda: _run(_INIT, settings))
    platform = Platform(settings)
    if not own_events:
        timed(f"Put a day of history into S3, run {_HISTORY}", lambda: _load_history(platform))
        timed("Send live visits to the collector", lambda: visits.visits(_VISITS))
    for dag_id in _DAGS:
        timed(f"Run {dag_id}", lambda dag_id=dag_id: _run(dag_id, settings))  # type: ignore[misc]
    found = platform.summary()
    console.print()
    show_summary(found)
    if not own_events:
        _show_sources(platform)
    show_table("Elapsed", ["step", "seconds"], [(step.name, round(step.took_s, 1)) for step in steps])
    _show_addresses(settings)
    if found.failing:
        raise typer.Exit(1)


def _load_history(platform: Platform) -> None:
    day = platform.put_history().isoformat()
    run(_HISTORY, conf=json.dumps({"start_date": day, "end_date": day}), quiet=True)


def _show_sources(platform: Platform) -> None:
    show_table(
        "Events by source", ["source", "files or objects", "events", "first", "last"],
        [
            (_SOURCES[each.source], each.origins, each.events, f"{each.first:%m-%d %H:%M}", f"{each.last:%m-%d %H:%M}")
            for each in platform.sources()
        ],
    )  # fmt: skip


def _run(dag_id: str, settings: Settings) -> None:
    run(dag_id, conf=json.dumps(_conf(dag_id, settings)), quiet=True)


def _conf(dag_id: str, settings: Settings) -> Mapping[str, object]:
    """A folder of one's own is loaded in whole before the build, so no event has to wait for parts to come."""
    if settings.samples_dir is not None:
        if dag_id == _INIT:
            return {"samples_dir": str(settings.samples_dir.resolve())}
        if dag_id == "build_dwh_layer":
            return {"grace_minutes": 0}
    return {}


def _show_addresses(settings: Settings) -> None:
    """Lines rather than a table: addresses and passwords are there to be copied whole."""
    airflow_password = settings.airflow_password.get_secret_value() if settings.airflow_password else ""
    address, user, password = _parts(
        settings.clickhouse_reader_url.get_secret_value() if settings.clickhouse_reader_url else ""
    )
    for line in (
        "",
        "Open",
        *_dashboards(settings),
        f"  Airflow      {settings.airflow_url}  user {settings.airflow_user}  password {airflow_password}",
        f"  ClickHouse   {address}  user {user} (reads only)  password {password}",
        f"  Kafka        {settings.kafka_bootstrap}",
        f"  Demo shop    {settings.collector_url}/home  (your visit becomes facts)",
        "Ask",
        '  .venv/bin/headwater sql "SELECT event_type, count() FROM analytics.fact_events GROUP BY event_type"',
        "See",
        "  .venv/bin/headwater status | summary | logs | env | --help",
        "Stop",
        "  make down   (the data stays; make clean removes it)",
    ):
        typer.echo(line)


def _dashboards(settings: Settings) -> tuple[str, ...]:
    if settings.superset_analyst_password is None:
        return ("  Dashboards   are left out: run `make setup-superset`, then `make demo` again",)
    password = settings.superset_analyst_password.get_secret_value()
    address = f"{settings.superset_url}/dashboard/list/"
    return (f"  Dashboards   {address}  user {settings.superset_analyst_user}  password {password}",)


def _parts(url: str) -> tuple[str, str, str]:
    login, _, rest = url.removeprefix("http://").rpartition("@")
    user, _, password = login.partition(":")
    return f"http://{rest}", user, password
