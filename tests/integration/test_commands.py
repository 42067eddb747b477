"""The pipeline by hand: every command on a real broker and the real engine, as a person runs it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.check import read_checks
from headwater.app.generate import write_files
from headwater.assets import asset
from headwater.contracts.topics import load_topics
from headwater.core.checks import CheckKind
from headwater.core.generator.blocks import DEFAULT_START, Spec
from tests.support.compare import assert_warehouse_equals
from tests.support.front import Front
from tests.support.kafka import Broker
from tests.support.mail import mail_server
from tests.support.oracle import read_folder, read_folders
from tests.support.shell import Shell
from tests.support.tasks import Tasks
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.stack

_NO_SHIFT = timedelta(0)


@pytest.fixture
def shell(short_folder: Path, tmp_path: Path) -> Iterator[Shell]:
    """Parts of this test's own, so that nothing is in Kafka or ClickHouse yet."""
    with Front.start(short_folder / "ch") as front, Broker.start(short_folder / "k") as broker:
        yield Shell.of(front, broker, tmp_path / "home")


def _events(folder: Path, seed: int) -> list[str]:
    write_files(Spec(300, seed, DEFAULT_START, 2.0), folder, lambda _written: None)
    return [str(path) for path in sorted(folder.glob("*.jsonl"))]


def test_the_whole_pipeline_by_hand_and_a_consumer_that_runs_on(shell: Shell, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert "applied 0001_databases" in shell.run("migrate")
    assert "up to date" in shell.run("migrate")
    topics = len(load_topics(asset("kafka/topics.yaml")))
    assert shell.run("topics").count("created") == topics
    assert shell.run("topics").count("unchanged") == topics

    files = _events(one, seed=5)
    assert shell.run("load", *files).count("300") == 4
    assert shell.run("load", *files).count("loaded before") == 4
    shell.run("load", "--again", files[0])
    assert "600" in shell.run("consume", "--drain", "--stream", "browser")
    shell.run("consume", "--drain")
    assert "300" in shell.run("build")
    assert json.loads(shell.run("check", "--json"))[0]["passed"]
    warehouse = ClickHouse(shell.environment["HEADWATER_CLICKHOUSE_READER_URL"])
    assert_warehouse_equals(read_folder(one), warehouse)

    consumer = shell.start("consume", "--heartbeat-seconds", "0")
    shell.run("load", *_events(two, seed=6))
    deadline = time.monotonic() + 60
    while _staged(shell) < 600 + 300:
        assert consumer.poll() is None, consumer.communicate()[0]
        assert time.monotonic() < deadline, shell.run("summary")
    consumer.send_signal(signal.SIGTERM)
    printed, _ = consumer.communicate(timeout=60)
    assert consumer.returncode == 0, printed
    assert "staged" in printed

    shell.run("build", "--grace-minutes", "0")
    assert_warehouse_equals(read_folders([(one, _NO_SHIFT), (two, _NO_SHIFT)]), warehouse)
    warehouse.close()
    proof = shell.run("verify")
    assert "I1 conservation of browser: 900 messages = 900 rows" in proof
    assert "FAIL" not in proof
    assert "0 rows" in shell.run("sql", "SELECT * FROM ops.dead_letters")
    _replay_by_hand(shell, tmp_path)
    assert "refused the login or the right" in shell.run("sql", "DROP TABLE analytics.fact_events", code=2)


def _replay_by_hand(shell: Shell, folder: Path) -> None:
    bad = folder / "browser_bad.jsonl"
    bad.write_text('{"event_id":\n')
    shell.run("load", str(bad))
    shell.run("consume", "--drain", "--stream", "browser", "--reject-ratio", "1")
    assert json.loads(shell.run("replay", "--dry-run", "--json"))[0]["waiting"] == 1
    assert "1" in shell.run("replay", "--reason", "invalid_json", "--origin", f"{bad.name}:1")
    assert json.loads(shell.run("replay", "--json"))["sent"] == 0
    shell.run("consume", "--drain", "--stream", "browser")
    assert "2 rows" in shell.run("sql", "SELECT * FROM ops.dead_letters")
    assert "names no message" in shell.run("replay", "--id", "browser_events", code=2)


def _alerts_by_hand(shell: Shell, fires: list[str]) -> None:
    """The same alerts by the command; a letter goes out where mail is set, for what is new."""
    said = json.loads(shell.run("alerts", "--json", code=1))
    assert [each["alert"] for each in said if each["firing"]] == fires
    shell.run("sql", "--user", "writer", "TRUNCATE TABLE ops.alerts")
    with mail_server() as server:
        mailed = {"HEADWATER_SMTP_URL": server.url, "HEADWATER_ALERTS_TO": "ana@shop.example, bo@shop.example"}
        for _ in range(2):
            Shell({**shell.environment, **mailed}).run("alerts", code=1)
    assert [letter["Subject"] for letter in server.letters] == [f"Headwater: {', '.join(fires)} fires"]
    assert server.people == ["ana@shop.example", "bo@shop.example"]
    assert "facts_stand_once has 1 offending rows" in server.letters[0].get_content()


def _staged(shell: Shell) -> int:
    """Least staged rows over the streams, browser counted with its repeats."""
    found: dict[str, Any] = json.loads(shell.run("summary", "--json"))
    staged: dict[str, int] = {row["stream"]: row["staged"] for row in found["streams"]}
    return min(staged["browser"], *(staged[name] + 300 for name in ("device", "geo", "location")))


@pytest.mark.usefixtures("warehouse")
def test_a_check_that_fails_ends_with_its_help_and_exit_code_1(front: Front, broker: Broker, tmp_path: Path) -> None:
    fresh_topics(broker.bootstrap)
    shell = Shell.of(front, broker, tmp_path / "home")
    shell.run("load", *_events(tmp_path / "one", seed=5))
    shell.run("consume", "--drain")
    shell.run("build", "--grace-minutes", "0")
    shell.run(
        "sql", "--user", "writer", "INSERT INTO analytics.fact_events SELECT * FROM analytics.fact_events LIMIT 1"
    )
    said = shell.run("check", "--kind", "duplicates", code=1)
    assert "facts_stand_once" in said
    assert "Numbers of that day are too high" in said
    assert "FAIL" in shell.run("verify", code=1)
    tasks = Tasks(shell, tmp_path / "airflow")
    layer, duplicates, nulls, report = tasks.run(
        ("verify_dwh_layer", {}),
        ("run_check", {}, "duplicates"),
        ("run_check", {}, "nulls"),
        ("generate_quality_report", {}),
    )
    assert report.startswith("failed: Stop")
    reported = "SELECT alert FROM ops.alerts WHERE run_id = 'run 3' AND firing ORDER BY alert"
    fires = ["no_fresh_events", "quality_check_fails"]
    assert [row["alert"] for row in json.loads(shell.run("sql", "--json", reported))] == fires
    _alerts_by_hand(shell, fires)
    assert "failed: CheckFailed" in layer
    assert "facts_stand_once" in duplicates
    assert nulls == len(read_checks(asset("clickhouse/sql/quality"), [CheckKind.NULLS]))
