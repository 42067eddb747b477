"""Held by every DAG: ids, tasks and schedules of the design, docs, tags, retries, limits, and files that parse fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from headwater.contracts import streams as contract

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "airflow" / "dags").glob("*.py"))
STREAMS = ("browser", "device", "geo", "location")
CONSUMED = (*STREAMS, "interaction")

# Airflow is imported in a process of its own: its import changes logging, warnings and the environment.
_DESCRIBE = """
import importlib.util, json, os, sys, time
from pathlib import Path
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError
found = {}

def takes(dag, param, value):
    try:
        dag.params.get_param(param).resolve(value)
    except ParamValidationError:
        return False
    return True

def describe(name):
    began = time.process_time()
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    took = time.process_time() - began
    heavy = [m for m in ("clickhouse_connect", "confluent_kafka", "pyarrow", "chdb") if m in sys.modules]
    for dag in [v for v in vars(module).values() if isinstance(v, DAG)]:
        yield dag, {
            "file": Path(name).stem, "schedule": getattr(dag.schedule, "expression", dag.schedule), "doc": dag.doc_md,
            "timetable": type(dag.timetable).__name__, "start": dag.start_date and dag.start_date.isoformat(),
            "description": dag.description, "tags": sorted(dag.tags), "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs, "took_s": took, "heavy": heavy,
            "params": {k: [p.description, bool(p.schema)] for k, p in dag.params.items_view()} if hasattr(dag.params, "items_view")
                else {k: [dag.params.get_param(k).description, bool(dag.params.get_param(k).schema)] for k in dag.params},
            "tasks": {
                t.task_id: {
                    "upstream": sorted(t.upstream_task_ids), "owner": t.owner, "retries": t.retries,
                    "backoff": bool(t.retry_exponential_backoff), "timeout": t.execution_timeout is not None,
                    "outlets": [o.uri for o in t.outlets], "trigger_rule": str(t.trigger_rule),
                    "mapped": t.is_mapped, "at_once": t.max_active_tis_per_dag,
                }
                for t in dag.tasks
            },
        }

files, probes = json.loads(sys.argv[1]), json.loads(sys.argv[2])
for name in files:
    for dag, told in describe(name):
        found[dag.dag_id] = told
        told["takes"] = {p: [takes(dag, p, v) for v in values] for p, values in probes.get(dag.dag_id, {}).items()}
os.environ["HEADWATER_S3_START"] = "2026-02-03"
(caught_up,) = [told for name in files if name.endswith("load_from_s3.py") for _, told in describe(name)]
print(json.dumps({"dags": found, "with a start": caught_up}))
"""

# Values that a param takes, and values that it must not take.
PARAMS: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "load_from_s3": {
        "start_date": (["", "2026-01-31", "2026-01-31T08:00", "2026-01-31 08:00:00"], ["yesterday", "2026-1-31", "2026"]),
        "end_date": (["", "2026-01-31"], ["2026-01-31; DROP", 5]),
        "bucket": (["", "events"], ["b" * 64]),
        "prefix": (["", "a/b"], ["p" * 513]),
        "streams": ([[], ["browser", "geo"]], [["clicks"], "browser"]),
        "load_again": ([True], ["yes"]),
        "reload": ([False], [1]),
    },
    "streaming_pipeline": {
        "generate_s": ([0, 300], [-1, 301]), "rate": ([0.1, 5000], [0, 5001]), "seed": ([None, 7], ["x"]),
    },
    "truncate_clickhouse": {"part": (["warehouse", "all"], ["facts", ""]), "confirm": (["truncate"], [True])},
}  # fmt: skip


@cache
def _described() -> dict[str, Any]:
    home = Path(os.environ.get("TMPDIR", "/tmp")) / "headwater-dag-tests"
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    environment["AIRFLOW_CONFIG"] = str(ROOT / "airflow" / "config" / "airflow.cfg")
    environment.pop("HEADWATER_S3_START", None)
    probes = {dag: {name: [*good, *bad] for name, (good, bad) in params.items()} for dag, params in PARAMS.items()}
    done = subprocess.run(
        [sys.executable, "-c", _DESCRIBE, json.dumps([str(path) for path in FILES]), json.dumps(probes)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _dags() -> dict[str, Any]:
    return dict(_described()["dags"])


def _loads() -> dict[str, list[str]]:
    return {f"load_{s}_events": ["create_kafka_topics"] for s in STREAMS}


EXPECTED: dict[str, tuple[str | None, dict[str, list[str]]]] = {
    "init_data_pipeline": (
        None,
        {"create_kafka_topics": [], **_loads(), "verify_data_load": sorted(_loads())},
    ),
    "streaming_to_clickhouse": (
        "*/5 * * * *",
        {
            **{f"consume_{s}_events": [] for s in CONSUMED},
            "validate_ingestion": sorted(f"consume_{s}_events" for s in CONSUMED),
        },
    ),
    "load_from_s3": (
        "0 * * * *",
        {"list_objects": [], "load_object": ["list_objects"], "verify": ["list_objects", "load_object"]},
    ),
    "streaming_pipeline": (
        "* * * * *",
        {
            "generate_clicks": [],
            "aggregate_windows": ["generate_clicks"],
            "consume_aggregation_clicks": ["aggregate_windows"],
            "verify": ["consume_aggregation_clicks"],
        },
    ),
    "replay_dead_letters": (None, {"replay_dead_letters": []}),
    "erase_user": (None, {"erase_user": []}),
    "truncate_clickhouse": (None, {"truncate_clickhouse": []}),
    "build_dwh_layer": (
        "*/15 * * * *",
        {
            "build_fact_events": [],
            "update_dim_users": ["build_fact_events"],
            "update_dim_geo": ["build_fact_events"],
            "optimize_tables": ["update_dim_geo", "update_dim_users"],
            "verify_dwh_layer": ["optimize_tables"],
            "clear_staging_old_data": ["verify_dwh_layer"],
        },
    ),
    "data_quality_checks": (
        "@hourly",
        {
            **{f"check_{k}": [] for k in ("freshness", "nulls", "duplicates", "referential_integrity", "consistency")},
            "generate_quality_report": sorted(
                f"check_{k}" for k in ("freshness", "nulls", "duplicates", "referential_integrity", "consistency")
            ),
        },
    ),
}


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_a_dag_has_the_schedule_tasks_and_order_of_the_design(dag_id: str) -> None:
    dag = _dags()[dag_id]
    schedule, tasks = EXPECTED[dag_id]
    assert dag["schedule"] == schedule
    assert {name: task["upstream"] for name, task in dag["tasks"].items()} == tasks


def test_the_report_is_made_also_when_a_check_has_failed() -> None:
    assert "all_done" in _dags()["data_quality_checks"]["tasks"]["generate_quality_report"]["trigger_rule"].lower()


def test_every_file_holds_one_dag_of_its_own_name() -> None:
    assert {path.stem for path in FILES} == {dag["file"] for dag in _dags().values()} == set(_dags())


def test_every_stream_of_the_contract_is_drained_by_a_dag() -> None:
    tasks = {name for dag in _dags().values() for name in dag["tasks"] if name.startswith("consume_")}
    assert tasks == {f"consume_{stream.topic}" for stream in contract.STREAMS.values()}


@pytest.mark.parametrize("dag_id", [path.stem for path in FILES])
def test_a_dag_tells_what_it_does_and_how_it_is_run(dag_id: str) -> None:
    dag = _dags()[dag_id]
    assert dag["doc"].startswith("## "), "The docstring is the DAG's documentation: pass doc_md=__doc__."
    assert dag["description"]
    assert "headwater" in dag["tags"]
    assert dag["max_active_runs"] == 1
    assert not dag["catchup"]
    assert all(description and has_schema for description, has_schema in dag["params"].values())


def test_history_is_loaded_hour_by_hour_from_the_start_that_is_set_with_five_objects_at_once() -> None:
    dag, with_start = _dags()["load_from_s3"], _described()["with a start"]
    assert dag["timetable"] == "CronDataIntervalTimetable", "A run must know its hour; a plain cron string tells none."
    assert (with_start["catchup"], with_start["start"]) == (True, "2026-02-03T00:00:00+00:00")
    loading = dag["tasks"]["load_object"]
    assert (loading["mapped"], loading["at_once"]) == (True, 5)
    assert dag["tasks"]["verify"]["trigger_rule"] == "TriggerRule.ALL_DONE"


@pytest.mark.parametrize("dag_id", PARAMS)
def test_a_param_takes_what_makes_sense_and_nothing_else(dag_id: str) -> None:
    taken = _dags()[dag_id]["takes"]
    expected = {name: [True] * len(good) + [False] * len(bad) for name, (good, bad) in PARAMS[dag_id].items()}
    assert taken == expected


@pytest.mark.parametrize("dag_id", [path.stem for path in FILES])
def test_tasks_are_owned_retried_with_back_off_and_bounded_in_time(dag_id: str) -> None:
    dag = _dags()[dag_id]
    for name, task in dag["tasks"].items():
        assert task["owner"] == "headwater", name
        assert task["backoff"], name
        assert task["timeout"], name
        assert task["retries"] > 0, name
    assert any(task["outlets"] for task in dag["tasks"].values()), "Name what the DAG makes as asset outlets."


@pytest.mark.parametrize("dag_id", [path.stem for path in FILES])
def test_a_dag_file_is_cheap_to_parse_and_opens_nothing(dag_id: str) -> None:
    dag = _dags()[dag_id]
    assert dag["heavy"] == [], "Import clients when a task runs, not when Airflow parses the file."
    assert dag["took_s"] < 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_thin(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 100
    for word in ("SELECT ", "os.environ", "requests", "clickhouse_connect", "confluent_kafka", ".now("):
        assert word not in text, f"{path.name} must not hold {word!r}: behaviour lives in the package."
