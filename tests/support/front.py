"""A real front for tests: its own folder, port, passwords and process."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.ports import free_port

_DEADLINE_S = 60
_USERS = ("owner", "writer", "reader")


@dataclass
class Front:
    """One front process; `restart` keeps its data, port and passwords."""

    folder: Path
    port: int
    passwords: dict[str, str] = field(repr=False)
    options: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls, folder: Path, *options: str, port: int | None = None, environment: Mapping[str, str] | None = None
    ) -> Self:
        """Start (on a free port) and wait until it answers; `options` and `environment` go to the program."""
        folder.mkdir(parents=True, exist_ok=True)
        passwords = {user: secrets.token_urlsafe(18) for user in _USERS}
        front = cls(folder, port or free_port(), passwords, options, environment or {})
        path = folder / "secrets.json"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(front.passwords, file)
        front._launch()
        return front

    def url(self, user: str) -> str:
        """Address with the login of a user."""
        return f"http://{user}:{self.passwords[user]}@127.0.0.1:{self.port}/"

    @property
    def owner_url(self) -> str:
        """Address with the login that may do everything."""
        return self.url("owner")

    @property
    def writer_url(self) -> str:
        """Address with the login of the platform's jobs."""
        return self.url("writer")

    @property
    def reader_url(self) -> str:
        """Address with the login of dashboards and people."""
        return self.url("reader")

    @property
    def pid(self) -> int:
        """Process id of the running front."""
        assert self.process is not None, "the front is not running"
        return self.process.pid

    @property
    def log(self) -> str:
        """What the front wrote so far."""
        path = self.folder / "front.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(_DEADLINE_S)
            self.process = None

    def stop(self) -> int:
        """End the process in good order; returns its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            code = self.process.wait(_DEADLINE_S)
        finally:
            if self.process.poll() is None:
                self.kill()
        self.process = None
        return code

    def restart(self) -> None:
        """Stop (where it runs) and start again on the same data and port."""
        self.stop()
        self._launch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self) -> None:
        command = [sys.executable, "-m", "headwater.local.front", "--port", str(self.port)]
        command += ["--data-dir", str(self.folder / "data"), "--spool-dir", str(self.folder / "spool")]
        command += ["--secrets", str(self.folder / "secrets.json"), *self.options]
        with (self.folder / "front.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, env={**os.environ, **self.environment}
            )
        deadline = time.monotonic() + _DEADLINE_S
        while not self._answers():
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                raise RuntimeError(f"the front ended with {code}:\n{self.log[-4000:]}")
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(f"the front did not answer in {_DEADLINE_S} s:\n{self.log[-4000:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().read() == b"Ok.\n"
        except OSError:
            return False
        finally:
            connection.close()
