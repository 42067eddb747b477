"""A real collector process for tests, with its own home, port and write key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from headwater.adapters.clock import SystemClock
from headwater.adapters.write_keys import KeyFile
from tests.support.ports import free_port

_DEADLINE_S = 60


@dataclass
class Served:
    """One collector; `restart` keeps home, port and key."""

    home: Path
    port: int
    key: str = field(repr=False)
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.home / "collector.log"

    def start(self, *, ready: bool = True) -> None:
        """Start it and wait until it answers, and until Kafka takes its messages."""
        environment = {
            **os.environ, "HEADWATER_HOME": str(self.home), "HEADWATER_COLLECTOR_WRITE_KEY": self.key, **self.settings
        }  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "headwater.entrypoints.collector", "--port", str(self.port)],
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.wait("/ready" if ready else "/health")

    def wait(self, path: str) -> None:
        """Wait until a page answers 200."""
        deadline = time.monotonic() + _DEADLINE_S
        while True:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(self.url + path, timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert time.monotonic() < deadline, f"{path} does not answer: {self.log.read_text()[-2000:]}"
            time.sleep(0.05)

    def post(self, content: Any, **headers: str) -> httpx.Response:
        """Send a body: bytes as they are, else as JSON."""
        body: dict[str, Any] = {"content": content} if isinstance(content, bytes) else {"json": content}
        given = {"X-Write-Key": self.key, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return httpx.post(f"{self.url}/events", headers=given, timeout=30, **body)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(_DEADLINE_S)
            self.process = None


@contextmanager
def serving(
    home: Path, bootstrap: str, settings: Mapping[str, str] | None = None, *, ready: bool = True
) -> Iterator[Served]:
    """A running collector."""
    home.mkdir(parents=True, exist_ok=True)
    key = KeyFile(home / "secrets" / "write-keys.json", SystemClock()).make("shop.example")
    named = {f"HEADWATER_{name.upper()}": value for name, value in (settings or {}).items()}
    served = Served(home, free_port(), key, {"HEADWATER_KAFKA_BOOTSTRAP": bootstrap, **named})
    try:
        served.start(ready=ready)
        yield served
    finally:
        served.stop()


def web_event(**changes: Any) -> dict[str, Any]:
    """A valid event with an id of its own."""
    event = {
        "event_id": str(uuid4()), "type": "click", "session_id": "6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a0aa",
        "user_id": "6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a0bb", "url": "https://shop.example/product_a?utm_source=google",
        "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "payload": {"event_title": "Add to cart", "element_id": "add", "x": 10.5, "y": 20},
    }  # fmt: skip
    return {name: value for name, value in {**event, **changes}.items() if value is not ...}
