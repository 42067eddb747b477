"""The main job on the whole real stack, through Airflow's API: every table against an independent computation."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from headwater.adapters.airflow import Airflow
from headwater.adapters.kafka import KafkaLog
from headwater.app.alerts import read_alerts
from headwater.app.check import read_checks
from headwater.app.generate import write_files
from headwater.assets import asset
from headwater.bootstrap import Platform
from headwater.core.generator.blocks import DEFAULT_START, Spec
from headwater.core.object_keys import object_key
from headwater.local.stack import Stack
from headwater.settings import load_settings
from tests.support.compare import assert_warehouse_equals
from tests.support.events import browser, device, geo, location
from tests.support.oracle import read_folder, read_folders

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
PIPELINE = ("init_data_pipeline", "streaming_to_clickhouse", "build_dwh_layer", "data_quality_checks")


class Job:
    """Runs DAGs in the stack's Airflow and looks at the warehouse."""

    def __init__(self, stack: Stack) -> None:
        settings = load_settings(stack.layout.home)
        self.platform = Platform(settings)
        self.airflow = Airflow.of(settings)
        self.airflow.wait_parsed(PIPELINE)

    def run(self, dag_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Run one DAG to its end; returns the text of its task logs."""
        self.airflow.unpause(dag_id)
        run_id = self.airflow.trigger(dag_id, conf)
        *_, view = self.airflow.follow(dag_id, run_id)
        logs = {task.task_id: "\n".join(self.airflow.task_log(dag_id, run_id, task)) for task in view.tasks}
        failed = {task.task_id: logs[task.task_id] for task in view.tasks if task.state != "success"}
        assert view.run.state == "success", failed
        return "\n".join(logs.values())

    def run_all(self, init: Mapping[str, object], build: Mapping[str, object]) -> dict[str, str]:
        """Run the whole pipeline."""
        confs = {"init_data_pipeline": init, "build_dwh_layer": build}
        return {dag_id: self.run(dag_id, confs.get(dag_id)) for dag_id in PIPELINE}

    @property
    def shift(self) -> timedelta:
        """How far the bundled samples were moved."""
        return timedelta(seconds=int(self.platform.database.rows("ops/decision", name="samples_shift_s")[0]["value"]))

    def count(self, table: str) -> int:
        """Rows of a table."""
        return int(self.platform.database.query(f"SELECT count() AS n FROM {table}")[0]["n"])


@pytest.fixture(scope="module")
def job(stack: Stack) -> Iterator[Job]:
    """The pipeline of the shared stack."""
    made = Job(stack)
    yield made
    made.airflow.close()
    made.platform.database.close()


def test_the_bundled_events_become_exact_tables_and_running_again_adds_nothing(job: Job) -> None:
    logs = job.run_all({}, {})
    oracle = read_folders([(SAMPLES, job.shift)])
    assert len(oracle.facts) == 5000
    assert_warehouse_equals(oracle, job.platform.database)
    checks = read_checks(asset("clickhouse/sql/quality"))
    assert f"{len(checks)} checks, none failed" in logs["data_quality_checks"]
    evaluated = job.platform.database.query(
        "SELECT DISTINCT alert FROM ops.alerts WHERE startsWith(run_id, 'headwater__')"
    )
    assert {row["alert"] for row in evaluated} == {each.name for each in read_alerts(asset("clickhouse/sql/alerts"))}
    newest = max(fact["event_timestamp"] for fact in oracle.facts)
    assert job.platform.clock.now().replace(tzinfo=None) - newest < timedelta(hours=1)

    job.run_all({"load_again": True}, {})
    assert_warehouse_equals(oracle, job.platform.database)
    assert job.platform.messages_in_kafka("browser") == 10_000


def test_a_folder_of_ones_own_is_loaded_as_it_is_and_bad_lines_are_kept(job: Job, tmp_path: Path) -> None:
    write_files(Spec(700, 11, DEFAULT_START, 3.0), tmp_path, lambda _written: None)
    with (tmp_path / "browser_events.jsonl").open("ab") as file:
        file.write(b'{"broken\n[1, 2]\n\n{"event_id":"x"}\n' + b"y" * 1_950_000 + b"\n")
    with (tmp_path / "location_events.jsonl").open("r+b") as file:
        lines = file.readlines()
        file.seek(0)
        file.truncate()
        file.writelines(line for number, line in enumerate(lines) if number % 50)

    logs = job.run_all({"samples_dir": str(tmp_path)}, {"grace_minutes": 0})
    own = read_folder(tmp_path)
    assert sum(1 for fact in own.facts if not fact["is_complete"]) == 14
    assert_warehouse_equals(read_folders([(SAMPLES, job.shift), (tmp_path, timedelta(0))]), job.platform.database)

    kept = job.platform.database.query(
        "SELECT reason, field, origin, origin_line FROM ops.dead_letters ORDER BY origin_line"
    )
    assert [tuple(row.values()) for row in kept] == [
        ("invalid_json", "", "browser_events.jsonl", 701),
        ("not_an_object", "", "browser_events.jsonl", 702),
        ("wrong_type", "event_id", "browser_events.jsonl", 704),
    ]
    refused = job.platform.database.query("SELECT reason, origin_line, length(raw) AS kept FROM ops.rejects")
    assert [tuple(row.values()) for row in refused] == [("too_large", 705, 4096)]
    assert "invalid_json" in logs["streaming_to_clickhouse"], "the run reports what broke the contract"


def test_the_readme_queries_answer_on_the_command_line(job: Job, stack: Stack) -> None:
    """The three examples of the README through `headwater sql`, with the reader's rights."""
    readme = (SAMPLES.parents[1] / "README.md").read_text()
    queries = [part.split("```")[0] for part in readme.split("```sql\n")[1:]]
    assert len(queries) == 3
    environment = {**os.environ, "HEADWATER_HOME": str(stack.layout.home)}
    for query in queries:
        command = [str(Path(sys.executable).with_name("headwater")), "sql", "--json", query]
        answer = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert answer.returncode == 0, answer.stderr
        rows = json.loads(answer.stdout)
        assert sum(row["events"] for row in rows) > 0
        assert [row["events"] for row in rows] == sorted((row["events"] for row in rows), reverse=True)


def test_clicks_become_windows_whose_counts_add_up(job: Job) -> None:
    job.airflow.wait_parsed(["streaming_pipeline"])
    conf = {"generate_s": 2, "rate": 100, "seed": 3}
    logs = job.run("streaming_pipeline", conf)
    job.run("streaming_pipeline", conf)
    job.airflow.unpause("streaming_pipeline", paused=True)
    row = job.platform.database.query(
        "SELECT sum(count) AS clicks, uniqExact(product_id) AS products FROM analytics.product_clicks"
    )
    assert (row[0]["clicks"], row[0]["products"] > 10) == (400, True), logs
    assert job.count("ops.rejects WHERE stream = 'clicks'") == 0


def test_a_scheduled_run_loads_its_hour_and_one_broken_object_fails_itself_and_the_run(job: Job, stack: Stack) -> None:
    """The hour before, out of a bucket; nobody triggers the run, and no key is told anywhere."""
    store, dag_id = job.platform.objects(), "load_from_s3"
    job.platform.migrate()
    job.platform.create_topics()
    parts = {"device": device("s3"), "geo": geo("s3"), "location": location("s3")}
    # The schedule may come by at the full hour.
    hours = [job.platform.clock.now() - timedelta(hours=1), job.platform.clock.now()]
    for hour in hours:
        store.put(object_key(hour, "browser", ".gz"), b"no gzip")
        for name, line in parts.items():
            store.put(object_key(hour, name, ""), line + b"\n")
    before = job.platform.messages_in_kafka("geo")
    job.airflow.wait_parsed([dag_id])
    job.airflow.unpause(dag_id)
    try:
        run_id = _scheduled_run(job, dag_id)
        *_, view = job.airflow.follow(dag_id, run_id)
    finally:
        job.airflow.unpause(dag_id, paused=True)
    states = Counter((task.task_id, task.state) for task in view.tasks)
    assert states == {
        ("list_objects", "success"): 1, ("load_object", "success"): 3, ("load_object", "failed"): 1,
        ("verify", "failed"): 1,
    }, states  # fmt: skip
    assert view.run.state == "failed"
    logs = {task.label: "\n".join(job.airflow.task_log(dag_id, run_id, task)) for task in view.tasks}
    assert "1 of 4 objects were not loaded, first year=" in logs["verify"]
    assert any("browser_events.jsonl.gz cannot be read" in log for log in logs.values()), logs
    assert job.platform.messages_in_kafka("geo") == before + 1
    secret = job.platform.settings.s3_secret_key
    assert secret is not None
    files = [path for path in (stack.layout.logs / "tasks").rglob("*") if path.is_file()]
    pages = [f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "/api/v2/connections", "/api/v2/variables"]
    told = [path.read_text(errors="replace") for path in files] + [
        str(job.airflow._call("GET", page)) for page in pages
    ]
    assert len(files) >= len(view.tasks)
    assert not [text for text in told if secret.get_secret_value() in text], "a secret key is shown"


def _scheduled_run(job: Job, dag_id: str) -> str:
    """The run that the schedule starts."""
    deadline = time.monotonic() + 90
    while True:
        found = job.airflow._call("GET", f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]
        for run in found:
            if run["run_type"] == "scheduled":
                return str(run["dag_run_id"])
        assert time.monotonic() < deadline, "the schedule starts nothing"
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("dag_id", "says"), [("replay_dead_letters", "this was a dry run"), ("erase_user", "nothing of this person")]
)
def test_a_dag_for_people_begins_with_a_dry_run_that_changes_nothing(job: Job, dag_id: str, says: str) -> None:
    tables = ("analytics.fact_events", "ops.dead_letters", "ops.replays", "ops.plans")
    before = {table: job.count(table) for table in tables}
    job.airflow.wait_parsed([dag_id])
    logs = job.run(dag_id, {"dry_run": True, **({"email": "nobody@example.com"} if dag_id == "erase_user" else {})})
    assert says in logs
    assert {table: job.count(table) for table in tables} == before


def test_the_next_runs_succeed_after_every_part_was_killed_in_the_middle_of_one(job: Job, stack: Stack) -> None:
    run_id = job.airflow.trigger("streaming_to_clickhouse", {})
    killed = {part.name: part.pid for part in stack.status().parts if part.pid is not None}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while not _healed(stack, killed):
        assert time.monotonic() < deadline, stack.status().as_json()
        time.sleep(0.5)

    before = job.count("analytics.fact_events")
    with KafkaLog(stack.addresses()["HEADWATER_KAFKA_BOOTSTRAP"]).sink() as sink:
        for stream, event in (
            ("browser", browser("after")), ("device", device()), ("geo", geo()), ("location", location("after")),
        ):  # fmt: skip
            sink.send(f"{stream}_events", b"k", event)
    *_, interrupted = job.airflow.follow("streaming_to_clickhouse", run_id)
    assert interrupted.run.state == "success", "Airflow runs an interrupted task again"
    logs = job.run_all({}, {})
    assert job.count("analytics.fact_events") == before + 1
    _assert_told(logs)


def _assert_told(logs: Mapping[str, str]) -> None:
    """Every task log ends with what was done."""
    for dag_id, word in (
        ("init_data_pipeline", "had been loaded before"),
        ("streaming_to_clickhouse", "claimed to"),
        ("build_dwh_layer", "analytics.dim_users"),
        ("data_quality_checks", "none failed"),
    ):
        assert word in logs[dag_id], f"{dag_id}:\n{logs[dag_id]}"


def _healed(stack: Stack, killed: Mapping[str, int]) -> bool:
    status = stack.status()
    return status.healthy and all(status.part(name).pid not in (None, pid) for name, pid in killed.items())
