"""PostgreSQL runs from its wheel under any user, changes no mode, and keeps its data."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest

from headwater.local import guard, postgres
from headwater.local.guard import Job

pytestmark = pytest.mark.stack


@contextmanager
def serving(data: Path, sockets: Path) -> Iterator[None]:
    """The server under its guard, as the supervisor runs it."""
    path = sockets / "job.json"
    path.write_text(Job(command=postgres.command(data, sockets), stop_signal="INT").text())
    log = sockets / "log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            (sys.executable, "-I", "-S", guard.__file__, str(path)), stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 30
        while not postgres.answers(sockets):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A short private folder."""
    with tempfile.TemporaryDirectory(prefix="hwt-") as folder:
        yield Path(folder)


def rows(sockets: Path, statement: str) -> list[tuple[object, ...]]:
    """Result of a statement in the database `airflow`."""
    connection = psycopg2.connect(host=str(sockets), user=postgres.USER, dbname="airflow")
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def test_it_runs_under_private_folders_and_changes_no_mode(tmp_path: Path, sockets: Path) -> None:
    outer = tmp_path / "private"
    outer.mkdir(mode=0o700)
    # Long enough to break a Unix socket beside the data, and with characters that a shell would mind.
    home = outer / "home of 100% $USER" / ("x" * 100)
    home.mkdir(parents=True, mode=0o700)
    data = home / "data"
    wheel = postgres._binaries()
    watched = {path for root in (home, sockets, wheel) for path in (root, *root.parents)}
    before = {path: path.stat().st_mode for path in watched}
    with serving(data, sockets):
        postgres.create_database(sockets, "airflow")
        postgres.create_database(sockets, "airflow")
        rows(sockets, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")
        assert {path: path.stat().st_mode for path in watched} == before
        socket_file = sockets / ".s.PGSQL.5432"
        assert stat.S_IMODE(socket_file.stat().st_mode) == 0o700
    with serving(data, sockets):
        assert rows(sockets, "SELECT n FROM kept") == [(42,)]
        assert rows(sockets, "SHOW listen_addresses") == [("",)]
        (version,) = rows(sockets, "SHOW server_version_num")[0]
        assert str(version).startswith("16")
    assert {path: path.stat().st_mode for path in watched} == before
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root has to become another user.")
def test_as_root_it_keeps_one_right_and_nothing_else(tmp_path: Path, sockets: Path) -> None:
    tmp_path.chmod(0o700)
    data = tmp_path / "data"
    with serving(data, sockets):
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        fields = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
    assert "0" not in fields["Uid"].split()
    assert fields["Groups"].split() == []
    for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
        assert int(fields[name], 16) == 1 << 1, name


def test_a_half_made_data_folder_is_made_again(tmp_path: Path, sockets: Path) -> None:
    half = tmp_path / "data.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("16")
    with serving(tmp_path / "data", sockets):
        assert not half.exists()
