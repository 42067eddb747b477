"""Running, stopping, crashing: what ends, what survives, what waits."""

from __future__ import annotations

import base64
import http.client
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from tests.local.front.conftest import client_of, wait_for
from tests.support.front import Front

pytestmark = pytest.mark.stack

ENDLESS = "SELECT sum(sipHash64(number)) FROM numbers(10000000000000)"


def running(owner: Client, mark: str) -> bool:
    """Whether a query with this comment is at work."""
    sql = "SELECT count() FROM system.processes WHERE Settings['log_comment'] = {mark:String}"
    return int(str(owner.command(sql, {"mark": mark}))) > 0


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    """Threads for clients that wait."""
    with ThreadPoolExecutor(16) as pool:
        yield pool


def test_the_engine_keeps_freed_memory_for_the_next_insert(owner: Client) -> None:
    found = str(owner.command("SELECT * FROM system.jemalloc_stats")).replace("\\n", "\n").splitlines()
    settings = [line.split()[1] for line in found if line.startswith(("  opt.oversize_thr", "  opt.dirty_decay_ms"))]
    assert settings == ["0", "15000"]


def test_a_query_can_be_killed_by_the_id_that_its_client_gave(
    front: Front, owner: Client, background: ThreadPoolExecutor
) -> None:
    for number, condition in enumerate(
        ("query_id = '{id}'", "query_id IN ('x', '{id}') AND elapsed >= 0 SYNC", "query_id = {x:String}")
    ):
        name = f"victim-{number}"

        def run(name: str = name) -> None:
            with client_of(front.owner_url) as client:
                client.query(ENDLESS, settings={"query_id": name})

        victim = background.submit(run)
        wait_for(lambda name=name: running(owner, name))  # type: ignore[misc]
        bound = {"x": name} if "{x" in condition else None
        owner.command(f"KILL QUERY WHERE {condition.replace('{id}', name)}", bound)
        error = victim.exception(timeout=20)
        assert isinstance(error, DatabaseError)
        assert error.code == 394


def test_a_client_that_goes_away_leaves_no_query(front: Front, owner: Client) -> None:
    long = "SELECT sum(sipHash64(number)) FROM numbers(15000000000)"
    for mark, sql in (("left-early", long), ("left-streaming", "SELECT number FROM system.numbers")):
        login = base64.b64encode(f"reader:{front.passwords['reader']}".encode()).decode()
        with socket.create_connection(("127.0.0.1", front.port)) as connection:
            request = f"POST /?query_id={mark} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\n"
            connection.sendall(f"{request}Content-Length: {len(sql)}\r\n\r\n{sql}".encode())
            wait_for(lambda mark=mark: running(owner, mark))  # type: ignore[misc]
            if "streaming" in mark:
                connection.recv(1000)
        wait_for(lambda mark=mark: not running(owner, mark))  # type: ignore[misc]


def test_a_time_limit_ends_a_query(owner: Client) -> None:
    for sql in (ENDLESS, f"{ENDLESS} SETTINGS max_threads = 1"):
        started = time.monotonic()
        with pytest.raises(DatabaseError) as caught:
            owner.query(sql, settings={"max_execution_time": 1})
        assert caught.value.code == 159
        assert time.monotonic() - started < 10


def test_queries_over_the_bound_wait_and_are_then_refused(
    front: Front, owner: Client, background: ThreadPoolExecutor
) -> None:
    mark = "crowd"

    def run() -> ClickHouseError | None:
        with client_of(front.owner_url, query_retries=0) as client:
            try:
                client.query(ENDLESS, settings={"log_comment": mark})
            except ClickHouseError as error:
                return error
        return None

    crowd = [background.submit(run) for _ in range(6)]
    try:
        wait_for(lambda: front_is_full(front))
        with pytest.raises(DatabaseError) as caught:
            owner.command("SELECT 1")
        assert caught.value.code == 202
    finally:
        owner.command(f"KILL QUERY WHERE Settings['log_comment'] = '{mark}'")
        endings = [future.result(timeout=30) for future in crowd]
    assert {getattr(error, "code", None) for error in endings} == {394}
    assert owner.command("SELECT 1") == 1


def front_is_full(front: Front) -> bool:
    """Whether a request has to wait for a slot."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=0.3)
    login = base64.b64encode(f"owner:{front.passwords['owner']}".encode()).decode()
    try:
        connection.request("POST", "/", "SELECT 1", {"Authorization": f"Basic {login}"})
        connection.getresponse().read()
    except TimeoutError:
        return True
    else:
        return False
    finally:
        connection.close()


def test_queries_run_side_by_side_and_inserts_do_not_mix(
    front: Front, owner: Client, background: ThreadPoolExecutor
) -> None:
    owner.command("CREATE OR REPLACE TABLE analytics.mixed (worker UInt8, id UInt64) ENGINE = MergeTree ORDER BY id")

    def insert(worker: int) -> int:
        with client_of(front.writer_url) as client:
            for part in range(10):
                rows = [[worker, part * 100 + number] for number in range(100)]
                client.insert("analytics.mixed", rows, column_names=["worker", "id"])
        return worker

    assert sorted(background.map(insert, range(5))) == list(range(5))
    counts = owner.query("SELECT worker, count(), uniqExact(id) FROM analytics.mixed GROUP BY worker ORDER BY worker")
    assert counts.result_rows == [(worker, 1000, 1000) for worker in range(5)]


def test_acknowledged_rows_survive_kill_9_under_inserts(tmp_path: Path) -> None:
    with Front.start(tmp_path / "front") as front:
        with client_of(front.owner_url) as client:
            client.command("CREATE DATABASE analytics")
            client.command("CREATE TABLE analytics.kept (id UInt64) ENGINE = MergeTree ORDER BY id")
        acknowledged: list[int] = []
        started = threading.Event()

        def insert() -> None:
            with client_of(front.writer_url, query_retries=0) as client:
                for number in range(100_000):
                    try:
                        client.raw_insert(
                            "analytics.kept", ["id"], f"{number}\n", fmt="CSV", settings={"async_insert": 0}
                        )
                    except Exception:  # noqa: BLE001 - the front dies under this client, in whatever way
                        return
                    acknowledged.append(number)
                    if number == 30:
                        started.set()

        thread = threading.Thread(target=insert)
        thread.start()
        assert started.wait(30)
        front.kill()
        thread.join(30)
        front.restart()
        with client_of(front.reader_url) as client:
            kept = {row[0] for row in client.query("SELECT id FROM analytics.kept").result_rows}
        assert set(acknowledged) <= kept
        assert len(kept) <= len(acknowledged) + 1
        assert front.stop() == 0


def test_it_stops_cleanly_while_queries_and_sessions_are_open(tmp_path: Path, background: ThreadPoolExecutor) -> None:
    with Front.start(tmp_path / "front") as front:
        with client_of(front.owner_url) as client:
            client.command("SELECT 1", settings={"session_id": "kept-open"})

            def run() -> BaseException | None:
                with client_of(front.owner_url, query_retries=0) as other:
                    try:
                        other.query(ENDLESS, settings={"query_id": "endless"})
                    except ClickHouseError as error:
                        return error
                return None

            future = background.submit(run)
            wait_for(lambda: running(client, "endless"))
        started = time.monotonic()
        assert front.stop() == 0
        assert time.monotonic() - started < 25
        assert future.result(timeout=20) is not None


def test_a_locked_folder_is_a_clear_error(front: Front, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "headwater.local.front", "--port", "18180", "--spool-dir", str(tmp_path)]
    command += ["--data-dir", str(front.folder / "data"), "--secrets", str(front.folder / "secrets.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert str(front.folder / "data") in done.stderr
    assert "Traceback" not in done.stderr


def test_secrets_that_others_can_read_are_refused(front: Front, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.json"
    secrets.write_text((front.folder / "secrets.json").read_text())
    secrets.chmod(0o644)
    command = [sys.executable, "-m", "headwater.local.front", "--port", "18180", "--spool-dir", str(tmp_path)]
    command += ["--data-dir", str(tmp_path / "data"), "--secrets", str(secrets)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "chmod 600" in done.stderr


def test_a_config_file_in_the_working_folder_is_not_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "front"
    folder.mkdir()
    (folder / "config.xml").write_text("<clickhouse><timezone>Asia/Tokyo</timezone><broken></clickhouse>")
    with Front.start(folder) as front, client_of(front.owner_url) as client:
        assert client.command("SELECT timezone()") == "UTC"
        assert client.command("SELECT count() FROM system.tables WHERE database = 'default'") == 0


def test_memory_is_bounded_and_given_back(tmp_path: Path) -> None:
    with (
        Front.start(tmp_path / "front", "--max-memory-bytes", str(800 << 20)) as front,
        client_of(front.owner_url) as client,
    ):
        with pytest.raises(DatabaseError) as caught:
            client.query("SELECT length(groupArray(number)) FROM numbers(1000000000)")
        assert caught.value.code == 241
        process = psutil.Process(front.pid)
        assert process.memory_info().rss < 2 << 30
        wait_for(lambda: process.memory_info().rss < 800 << 20)


def open_files(pid: int) -> int:
    """How many descriptors a process has open, besides the three in which the engine counts what each thread uses.

    A thread of the engine's pool keeps those for as long as it lives; threads are bounded of their own.
    """
    count = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            count += not re.match(r"/proc/\d+/task/", str(descriptor.readlink()))
    return count


def test_many_requests_leave_nothing_behind(front: Front, owner: Client) -> None:
    process = psutil.Process(front.pid)

    def load() -> None:
        for number in range(150):
            owner.query("SELECT {n:UInt32}, page FROM analytics.visits", {"n": number})
            owner.raw_query(f"SELECT {number} AS n", fmt="JSON")

    load()
    before = (open_files(front.pid), process.num_threads(), process.memory_info().rss)
    load()
    assert open_files(front.pid) <= before[0] + 5
    assert process.num_threads() <= before[1] + 5
    assert process.memory_info().rss < before[2] + (64 << 20)
    assert os.getpid() != front.pid
