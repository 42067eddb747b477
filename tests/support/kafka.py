"""A real broker for tests: Apache Kafka on free ports, in a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from headwater.assets import project_root
from headwater.local import kafka
from headwater.local.jars import class_path
from tests.support.ports import free_ports

_START_S = 60.0


class Broker:
    """One broker process; `kill` and `restart` keep its data and address."""

    def __init__(self, node: kafka.Node, command: tuple[str, ...]) -> None:
        self.node = node
        self.bootstrap = node.bootstrap
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, folder: Path, settings: Mapping[str, str] | None = None) -> Broker:
        """Start a broker whose state is under `folder` and wait until it serves clients; `settings` add to its file."""
        cache = Path(os.environ.get("HEADWATER_CACHE") or project_root() / ".headwater-cache")
        port, controller_port = free_ports(2)
        node = kafka.Node(folder, port, controller_port)
        kafka.prepare(node, class_path(cache))
        with node.config.open("a") as config:
            config.writelines(f"{name}={value}\n" for name, value in (settings or {}).items())
        broker = cls(node, kafka.command(node))
        broker.restart()
        return broker

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None, "The broker is not running."
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """What the broker printed."""
        return self.node.folder / "broker.log"

    def kill(self) -> None:
        """End the process by SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process in order."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Start the process again (ending it first when it runs) and wait until it serves clients."""
        self.stop()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self.node.folder)
        deadline = time.monotonic() + _START_S
        while not kafka.answers(self.bootstrap, timeout_s=1):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"The broker did not start:\n{self.log.read_text()[-3000:]}")

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
