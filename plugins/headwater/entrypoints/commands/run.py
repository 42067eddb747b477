"""`headwater run`: trigger a DAG in Airflow, watch it, and end with its outcome."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from headwater.adapters.airflow import TASK_FINISHED, Airflow, RunView, TaskInstance
from headwater.errors import FixSettings
from headwater.settings import load_settings

_LOG_LINES = 25
_FAILED_LOG_LINES = 60
_MARKS = {"success": "[green]✓[/]", "failed": "[red]✗[/]", "upstream_failed": "[yellow]-[/]", "skipped": "[dim]-[/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Pipeline")(run)


def run(
    dag_id: Annotated[str, typer.Argument(help="The DAG, for example data_quality_checks.", show_default=False)],
    conf: Annotated[str, typer.Option(help="Parameters of the run as a JSON object.")] = "{}",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print the ends of the task logs.")] = False,
) -> None:
    """Trigger a DAG in Airflow and wait for its end.

    Progress goes to standard error, the last lines of every task's log to standard output. The exit code is 0 only
    when the run succeeded. Ctrl-C stops the watching, not the run.

    Examples:

      headwater run init_data_pipeline

      headwater run data_quality_checks --conf '{"hours": 24}'
    """
    parameters = _parsed(conf)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    with Airflow.of(load_settings()) as airflow:
        _ready(airflow, dag_id, errors)
        run_id = airflow.trigger(dag_id, parameters)
        errors.print(f"{dag_id}: run {run_id}")
        try:
            view = _watch(airflow, dag_id, run_id, errors)
        except KeyboardInterrupt:
            errors.print(f"Not watched any more; the run {run_id} goes on in Airflow.")
            raise typer.Exit(130) from None
        if not quiet:
            _print_logs(airflow, view)
    if view.run.state != "success":
        failed = [task.label for task in view.tasks if task.state == "failed"]
        said = f"{dag_id} failed in {', '.join(failed) or 'no task: see the run in Airflow'}."
        errors.print(said, style="red", markup=False)
        raise typer.Exit(1)


def _parsed(conf: str) -> Mapping[str, object]:
    try:
        found: Any = json.loads(conf)
    except ValueError as error:
        raise FixSettings(f"--conf is not JSON ({error}). Write an object such as '{{\"hours\": 24}}'.") from error
    if not isinstance(found, dict):
        raise FixSettings("--conf must be a JSON object such as '{\"hours\": 24}'.")
    return found


def _ready(airflow: Airflow, dag_id: str, errors: Console) -> None:
    """A run of a DAG whose schedule is off would wait for ever."""
    known = airflow.dags()
    if dag_id not in known:
        raise FixSettings(
            f"Airflow knows no DAG called {dag_id}. It knows: {', '.join(sorted(known)) or 'none yet'}. "
            "A new DAG file is seen within 15 seconds; `headwater logs airflow-processor` shows import errors."
        )
    if known[dag_id]:
        airflow.unpause(dag_id)
        errors.print(f"{dag_id} was paused; its schedule is on now.")


def _watch(airflow: Airflow, dag_id: str, run_id: str, errors: Console) -> RunView:
    """Show each change of a task once; returns the last view."""
    began = time.monotonic()
    shown: dict[str, str] = {}
    with errors.status("waiting for the scheduler", spinner="dots") as status:
        for view in airflow.follow(dag_id, run_id):
            for task in view.tasks:
                if task.state in TASK_FINISHED and shown.get(task.label) != task.state:
                    shown[task.label] = task.state
                    errors.print(_finished_line(task))
            running = [task.label for task in view.tasks if task.state in {"running", "queued", "up_for_retry"}]
            status.update(f"{time.monotonic() - began:4.0f} s  {view.run.state}  {' '.join(running[:4])}")
    errors.print(f"{dag_id}: {view.run.state} after {time.monotonic() - began:.1f} s")
    return view


def _finished_line(task: TaskInstance) -> str:
    mark = _MARKS.get(task.state, "·")
    took = "" if task.duration_s is None else f"{task.duration_s:.1f} s"
    tries = f"  (try {task.try_number})" if task.try_number > 1 else ""
    # Brackets of a mapped task's label are text, not markup.
    return f"  {mark} {escape(f'{task.label:<40}')} {task.state:<16} {took}{tries}"


def _print_logs(airflow: Airflow, view: RunView) -> None:
    """The end of every log that has something to say; more of the failed ones."""
    for task in view.tasks:
        if task.state not in {"success", "failed"}:
            continue
        lines = airflow.task_log(view.run.dag_id, view.run.run_id, task)
        kept = lines[-(_FAILED_LOG_LINES if task.state == "failed" else _LOG_LINES) :]
        if kept:
            typer.echo(f"\n{task.label} ({task.state})")
            for line in kept:
                typer.echo(f"  {line}")
