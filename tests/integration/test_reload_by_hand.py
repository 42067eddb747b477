"""Reloads and truncations as users start them: the tasks of the DAGs and the commands, on real Kafka, S3 and engine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.s3 import S3Objects
from headwater.core.object_keys import object_key
from tests.support.events import an_id, browser, device, geo, location
from tests.support.front import Front
from tests.support.kafka import Broker
from tests.support.objects import bucket
from tests.support.shell import HEADWATER, Shell
from tests.support.tasks import Tasks
from tests.support.topics import fresh_topics

pytestmark = [pytest.mark.stack, pytest.mark.long]
HOUR = datetime(2026, 5, 1, 10, tzinfo=UTC)
BACKFILL = ("backfill", "--from", "2026-05-01T10", "--to", "2026-05-01T10", "--reload")


@contextmanager
def _shell(front: Front, broker: Broker, store: S3Objects, home: Path) -> Iterator[Shell]:
    endpoint = store._client.meta.endpoint_url
    shell = Shell.of(front, broker, home)
    yield Shell(
        {
            **shell.environment, "HEADWATER_S3_ENDPOINT": endpoint, "HEADWATER_S3_ACCESS_KEY": "key",
            "HEADWATER_S3_SECRET_KEY": "secret", "HEADWATER_S3_BUCKET": store.bucket,
        }
    )  # fmt: skip


def _put(store: S3Objects, **lines: Sequence[bytes]) -> None:
    for stream, events in lines.items():
        store.put(object_key(HOUR, stream, ""), b"".join(event + b"\n" for event in events))


def _load(**changes: Any) -> list[Any]:
    params = {
        "start_date": "2026-05-01T10:00", "end_date": "", "bucket": "", "prefix": "", "streams": [],
        "load_again": False, "reload": False,
    }  # fmt: skip
    return ["load_from_s3", {**params, **changes}]


SETTLE: list[list[Any]] = [
    *(["consume_events", {}, stream] for stream in ("browser", "device", "geo", "location")),
    ["build_fact_events", {"grace_minutes": 0}],
]


def _ids(warehouse: ClickHouse) -> list[str]:
    rows = warehouse.query("SELECT toString(event_id) AS id FROM analytics.fact_events ORDER BY id")
    return [row["id"] for row in rows]


def _names(*events: str) -> list[str]:
    return sorted(map(an_id, events))


def _typed(shell: Shell, words: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADWATER, *arguments], input=words, env=shell.environment, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


def test_the_dags_and_commands_reload_and_truncate(
    front: Front, broker: Broker, warehouse: ClickHouse, tmp_path: Path
) -> None:
    fresh_topics(broker.bootstrap)
    with bucket() as store, _shell(front, broker, store, tmp_path / "home") as shell:
        tasks = Tasks(shell, tmp_path / "airflow")
        parts: Mapping[str, Sequence[bytes]] = {
            "device": [device()], "geo": [geo()], "location": [location(f"e{n}") for n in range(4)],
        }  # fmt: skip
        _put(store, browser=[browser("e1"), browser("e2")], **parts)
        assert tasks.run(_load(), *SETTLE)[0] == ["sent"] * 4
        assert _ids(warehouse) == _names("e1", "e2")

        _put(store, browser=[browser("e2"), browser("e3")])
        assert "rows that would go" in shell.run(*BACKFILL, "--dry-run")
        refused = _typed(shell, "yes\n", *BACKFILL)
        assert (refused.returncode, "Nothing was changed" in refused.stderr) == (2, True)
        assert _ids(warehouse) == _names("e1", "e2")

        part = {"part": "all", "confirm": "yes"}
        ran = tasks.run(
            _load(reload=True), *SETTLE, ["truncate_clickhouse", part],
            ["truncate_clickhouse", {**part, "confirm": "truncate"}], _load(), *SETTLE,
        )  # fmt: skip
        assert (ran[0], ran[5]["facts"]) == (["sent"] * 4, 2)
        assert ran[6].startswith("failed: FixSettings: Nothing was changed.")
        assert ran[7]["analytics.fact_events"] == 2
        assert (ran[8], ran[13]["facts"]) == (["sent"] * 4, 2)
        assert _ids(warehouse) == _names("e2", "e3")

        done = _typed(shell, "reload\n", *BACKFILL)
        assert (done.returncode, "4 objects: 4 sent" in done.stdout) == (0, True), done.stdout + done.stderr
        assert _ids(warehouse) == []
