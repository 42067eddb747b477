"""The HTTP collector as a part of the stack: its command, the key of the stack's own pages, its health."""

from __future__ import annotations

import sys

import httpx

from headwater.adapters.clock import SystemClock
from headwater.adapters.write_keys import KeyFile
from headwater.local.layout import Layout

PART = "collector"
SITE = "local"


def command(port: int) -> tuple[str, ...]:
    """The command that runs the collector."""
    return (sys.executable, "-m", "headwater.entrypoints.collector", "--port", str(port))


def let_in(layout: Layout, write_key: str) -> None:
    """Let the stack's own write key send events; other keys stay."""
    KeyFile(layout.secrets / "write-keys.json", SystemClock()).add(SITE, write_key)


def answers(port: int, timeout_s: float = 3.0) -> bool:
    """Whether events are taken: the collector works and Kafka answers it."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", timeout=timeout_s).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
