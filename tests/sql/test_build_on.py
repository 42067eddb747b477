"""`headwater build --every` as a process: it follows what is stored, and ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.sql.test_corrections import assert_sound
from tests.support.events import browser, device, geo, location
from tests.support.front import Front
from tests.support.staging import Stage

pytestmark = pytest.mark.stack
ROOT = Path(__file__).resolve().parents[2]
_DEADLINE_S = 60


def test_facts_follow_until_the_service_is_told_to_stop(stage: Stage, front: Front, tmp_path: Path) -> None:
    environment = {
        **os.environ, "HEADWATER_HOME": str(tmp_path), "HEADWATER_CLICKHOUSE_URL": front.owner_url,
        "HEADWATER_CLICKHOUSE_WRITER_URL": front.writer_url,
    }  # fmt: skip
    command = [str(ROOT / ".venv" / "bin" / "headwater"), "build", "--every", "0.5s", "--dimensions-every", "0.5s"]
    service = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        for n in range(3):
            stage.send("browser", browser(f"e{n}"))
            stage.send("device", device())
            stage.send("geo", geo())
            stage.send("location", location(f"e{n}"))
            deadline = time.monotonic() + _DEADLINE_S
            while stage.count("analytics.fact_events") < n + 1:
                assert service.poll() is None, "the service ended"
                assert time.monotonic() < deadline
                time.sleep(0.05)
    finally:
        service.send_signal(signal.SIGTERM)
        _, log = service.communicate(timeout=_DEADLINE_S)
    assert service.returncode == 0, log
    lines = [json.loads(line) for line in log.splitlines()]
    assert [lines[0]["event"], lines[-1]["event"]] == ["started", "stopped"]
    assert sum(line["facts"] for line in lines if line["event"] == "built") == 3
    assert stage.db.query("SELECT sum(total_events) AS n FROM analytics.dim_users")[0]["n"] == 3
    assert_sound(stage)
