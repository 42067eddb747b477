"""`headwater demo` as a person runs it, on a stack of its own: what each source brings, and what a second one adds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.app.generate import write_files
from headwater.app.history import EVENTS, history_spec
from headwater.bootstrap import Platform
from headwater.local.ports import free_offset
from headwater.local.stack import Stack
from headwater.settings import Settings, load_settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for the stack; whatever was started in it is ended."""
    folder = Path(tempfile.mkdtemp(prefix="hw-demo-"))
    yield folder
    Stack(Settings(home=folder)).down()
    shutil.rmtree(folder, ignore_errors=True)


def _demo(home: Path, offset: int) -> str:
    environment = {**os.environ, "HEADWATER_HOME": str(home), "HEADWATER_PORT_OFFSET": str(offset), "COLUMNS": "200"}
    # Pages are looked at by other tests.
    environment["HEADWATER_SUPERSET"] = "false"
    command = [str(Path(sys.executable).with_name("headwater")), "demo", "--without-visitors"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _ids(file: Path) -> set[str]:
    return {json.loads(line)["event_id"] for line in file.read_text().splitlines()}


def test_the_demo_shows_each_source_and_a_second_one_adds_only_live_visits(home: Path, tmp_path: Path) -> None:
    offset = free_offset(15_000, 22_000, step=50)
    said = _demo(home, offset)
    platform = Platform(load_settings(home))

    first = {each.source: each for each in platform.sources()}
    assert {name: each.events for name, each in first.items() if name != "collector"} == {"files": 5000, "s3": EVENTS}
    assert first["collector"].events > 0
    for heading in ("the bundled files", "S3: a day of history", "HTTP collector: live visits"):
        assert heading in said

    days = {first["s3"].first.date(), first["s3"].last.date()}
    assert len(days) == 1, "the history is one day"
    write_files(history_spec(days.pop()), tmp_path)
    facts = platform.database.query("SELECT toString(event_id) AS id, source_object FROM analytics.fact_events")
    assert max(Counter(fact["id"] for fact in facts).values()) == 1
    from_s3 = {fact["id"] for fact in facts if fact["source_object"].startswith("s3://")}
    assert from_s3 == _ids(tmp_path / "browser_events.jsonl")
    assert _ids(SAMPLES / "browser_events.jsonl") <= {fact["id"] for fact in facts}

    _demo(home, offset)
    second = {each.source: each for each in platform.sources()}
    assert (second["files"], second["s3"]) == (first["files"], first["s3"])
    assert second["collector"].events > first["collector"].events
    platform.database.close()
