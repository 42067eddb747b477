"""`headwater demo`: from nothing to numbers, with the platform left running."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import typer

from headwater.adapters.airflow import Airflow
from headwater.bootstrap import Platform
from headwater.entrypoints.commands import stack, visits
from headwater.entrypoints.commands.output import console, progress, show_table
from headwater.entrypoints.commands.query import show_summary
from headwater.entrypoints.commands.run import run
from headwater.settings import Settings, load_settings

_DAGS = ("init_data_pipeline", "streaming_to_clickhouse", "build_dwh_layer", "data_quality_checks")

_VISITS = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Local stack")(demo)


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    took_s: float


def demo() -> None:
    """Start the platform, run the pipeline on the events, and show what came of it and where to look.

    Loads the bundled samples, moved so that the newest event is recent, or, where HEADWATER_SAMPLES_DIR names a
    folder, your own four files as they are. Running it again starts from what is there and counts nothing twice. The
    schedules are on from then.
    """
    steps: list[_Step] = []

    def timed(name: str, do: Callable[[], object]) -> None:
        began = time.monotonic()
        progress.print(f"[bold]{name}[/]")
        do()
        steps.append(_Step(name, time.monotonic() - began))

    # Whoever brings own events does not want imaginary ones among them.
    timed("Start the platform", lambda: stack.up(visitors=load_settings().samples_dir is None))
    settings = load_settings()
    with Airflow.of(settings) as airflow:
        timed("Wait for the DAGs", lambda: airflow.wait_parsed(_DAGS))
    for dag_id in _DAGS:
        timed(f"Run {dag_id}", lambda dag_id=dag_id: _run(dag_id, settings))  # type: ignore[misc]
    if settings.samples_dir is None:
        timed("Send live visits to the collector", lambda: visits.visits(_VISITS))
    found = Platform(settings).summary()
    console.print()
    show_summary(found)
    show_table("Elapsed", ["step", "seconds"], [(step.name, round(step.took_s, 1)) for step in steps])
    _show_addresses(settings)
    if found.failing:
        raise typer.Exit(1)


def _run(dag_id: str, settings: Settings) -> None:
    run(dag_id, conf=json.dumps(_conf(dag_id, settings)), quiet=True)


def _conf(dag_id: str, settings: Settings) -> Mapping[str, object]:
    """A folder of one's own is loaded in whole before the build, so no event has to wait for parts to come."""
    if settings.samples_dir is not None:
        if dag_id == "init_data_pipeline":
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
