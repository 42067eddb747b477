"""Airflow's official ClickHouse provider works against the front as it does against the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.front import Front

pytestmark = pytest.mark.stack

# Airflow is imported in a process of its own: its import changes logging, warnings and the environment.
_USE_THE_HOOK = """
import json
from airflow.providers.clickhousedb.hooks.clickhouse import ClickHouseHook
hook = ClickHouseHook("clickhouse_test")
hook.run("CREATE TABLE analytics.by_airflow (n UInt32, word String) ENGINE = MergeTree ORDER BY n")
hook.insert_rows("analytics.by_airflow", [(1, "one"), (2, "it's"), (3, "drei")], target_fields=["n", "word"])
found = {
    "records": [list(row) for row in hook.get_records("SELECT n, word FROM analytics.by_airflow ORDER BY n")],
    "first": list(hook.get_first("SELECT count() FROM analytics.by_airflow")),
    "bound": [list(r) for r in hook.get_records("SELECT word FROM analytics.by_airflow WHERE n = %(n)s", {"n": 2})],
    "connection": hook.test_connection()[0],
}
hook.run("DROP TABLE analytics.by_airflow SYNC")
print(json.dumps(found))
"""


def test_the_hook_creates_inserts_reads_and_tests_its_connection(front: Front, tmp_path: Path) -> None:
    connection = {
        "conn_type": "clickhouse", "host": "127.0.0.1", "port": front.port, "login": "writer",
        "password": front.passwords["writer"], "schema": "analytics",
    }  # fmt: skip
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_CLICKHOUSE_TEST": json.dumps(connection),
    }
    done = subprocess.run(
        [sys.executable, "-c", _USE_THE_HOOK], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "records": [[1, "one"], [2, "it's"], [3, "drei"]],
        "first": [3],
        "bound": [["it's"]],
        "connection": True,
    }
