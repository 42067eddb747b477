"""History from a bucket by hand: the commands as a person types them, on a real broker, S3 server and engine."""

from __future__ import annotations

import gzip
import os
import pty
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.s3 import S3Objects
from headwater.contracts.streams import FACT_STREAMS, STREAMS
from headwater.core.object_keys import object_key
from tests.support.events import browser, geo
from tests.support.front import Front
from tests.support.kafka import Broker
from tests.support.objects import bucket, forbid
from tests.support.shell import HEADWATER, Shell
from tests.support.tasks import Tasks
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.stack

MIDNIGHT = datetime(2026, 5, 1, tzinfo=UTC)
SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
SECRET = "a-key-that-nobody-may-see"


@pytest.fixture(scope="module")
def store() -> Iterator[S3Objects]:
    """A bucket that is not the one of the settings."""
    with bucket("history") as started:
        yield started


@pytest.fixture
def shell(front: Front, broker: Broker, store: S3Objects, warehouse: ClickHouse, tmp_path: Path) -> Shell:
    """A shell that knows the parts; warehouse and topics are empty."""
    assert warehouse
    fresh_topics(broker.bootstrap)
    s3 = {"ENDPOINT": store._client.meta.endpoint_url, "ACCESS_KEY": "key", "SECRET_KEY": SECRET, "BUCKET": "events"}
    made = Shell.of(front, broker, tmp_path / "home")
    return Shell({**made.environment, **{f"HEADWATER_S3_{name}": value for name, value in s3.items()}})


def _on_a_terminal(shell: Shell, *arguments: str) -> tuple[int, str, str]:
    """Exit code, what was printed, and what the person at the terminal saw of the progress."""
    ours, theirs = pty.openpty()
    environment = {**shell.environment, "TERM": "xterm", "COLUMNS": "300"}
    process = subprocess.Popen(
        [HEADWATER, *arguments], env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True
    )
    os.close(theirs)
    seen: list[bytes] = []

    def watch() -> None:
        try:
            while piece := os.read(ours, 65_536):
                seen.append(piece)
        except OSError:  # the terminal is closed
            return

    watching = threading.Thread(target=watch)
    watching.start()
    printed, _ = process.communicate(timeout=120)
    watching.join()
    os.close(ours)
    return process.returncode, printed, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(seen).decode())


def _origins(broker: Broker, stream: str) -> Counter[str]:
    """How many messages of a stream name which object in their header."""
    log, topic = KafkaLog(broker.bootstrap), STREAMS[stream].topic
    ends = {p: mark.end for p, mark in log.watermarks(topic).items()}
    return Counter(m.origin for p, end in ends.items() for m in log.read_range(topic, p, 0, end).messages())


def test_backfill_sends_what_it_can_names_what_it_cannot_and_shows_how_far_it_is(
    shell: Shell, store: S3Objects, broker: Broker
) -> None:
    keys = [object_key(MIDNIGHT + timedelta(hours=n), "browser", ".gz", "old") for n in range(4)]
    for number, key in enumerate(keys):
        store.put(key, gzip.compress(browser(f"e{number}") + b"\n"))
    store.put(keys[0], b"no gzip")
    forbid(store, keys[1])
    store.put(object_key(MIDNIGHT + timedelta(hours=2), "geo", "", "old"), geo() + b"\n")
    # Of the last hour on, which is no day: hour 3 is beyond it.
    words = ("backfill", "--bucket", "history", "--prefix", "old", "--streams", "browser,location",
             "--from", "2026-05-01T00", "--to", "2026-05-01T02")  # fmt: skip
    code, printed, seen = _on_a_terminal(shell, *words)
    assert code == 1, seen
    assert "3 objects: 1 sent, 2 broken" in printed
    assert "2 objects could not be read" in seen
    for key in keys[:2]:
        assert re.search(rf"{key} .*broken .*s3://history/{key}", printed), printed
    assert re.search(r"objects .*\d/\d+ bytes .*\d:\d\d:\d\d", seen), seen  # what is done, and the time that is left
    assert SECRET not in printed + seen
    assert _origins(broker, "browser") == {f"s3://history/{keys[2]}": 1}
    assert _origins(broker, "geo") == {}

    store._client.delete_bucket_policy(Bucket="history")
    store.put(keys[0], gzip.compress(browser("e0") + b"\n"))
    assert "3 objects: 2 sent, 0 broken, the others had been sent before." in shell.run(*words)
    assert _origins(broker, "browser") == {f"s3://history/{key}": 1 for key in keys[:3]}


def test_samples_are_put_by_hour_and_loaded_from_there(
    shell: Shell, store: S3Objects, broker: Broker, tmp_path: Path
) -> None:
    for stream in FACT_STREAMS.values():
        lines = (SAMPLES / stream.file_name).read_bytes().splitlines(keepends=True)
        (tmp_path / stream.file_name).write_bytes(b"".join(lines[:3]))
    said = shell.run("s3", "put-samples", "--folder", str(tmp_path), "--bucket", "history", "--prefix", "mine")
    kept = [each.key for each in store.list("mine/")]
    assert len(kept) == len(FACT_STREAMS), "three events of one hour"
    assert said.startswith(f"{len(kept)} objects, from {kept[0]} ")
    pattern = r"mine/year=\d{4}/month=\d\d/day=\d\d/hour=\d\d/(browser|device|geo|location)_events\.jsonl\.zip"
    assert [key for key in kept if not re.fullmatch(pattern, key)] == []
    assert kept[-1] in shell.run("s3", "list", "mine/", "--bucket", "history")
    days = ("--from", "2026-01-10", "--to", "2026-01-20")
    shell.run("backfill", "--bucket", "history", "--prefix", "mine", "--streams", "geo", *days)
    assert _origins(broker, "geo") == {f"s3://history/{kept[2]}": 3}


def test_the_params_of_the_dag_say_which_bucket_prefix_and_streams(
    shell: Shell, store: S3Objects, broker: Broker, tmp_path: Path
) -> None:
    keys = {name: object_key(MIDNIGHT, "geo", "", name) for name in ("wanted", "other")}
    for key in keys.values():
        store.put(key, geo() + b"\n")
    store.put(object_key(MIDNIGHT, "browser", "", "wanted"), browser("e0") + b"\n")
    params = {
        "start_date": "2026-05-01", "end_date": "", "bucket": "history", "prefix": "wanted", "streams": ["geo"],
        "load_again": False, "reload": False,
    }  # fmt: skip
    known, again, unknown = Tasks(shell, tmp_path / "airflow").run(
        ["load_from_s3", params], ["load_from_s3", params], ["load_from_s3", {**params, "bucket": "nowhere"}]
    )
    assert (known, again) == (["sent"], ["had been sent before"])
    assert unknown.startswith("failed: ")
    assert "nowhere" in unknown
    assert SECRET not in unknown
    assert _origins(broker, "geo") == {f"s3://history/{keys['wanted']}": 1}
    assert _origins(broker, "browser") == {}
