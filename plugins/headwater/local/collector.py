"""The HTTP collector as a part of the stack: its command and its health."""

from __future__ import annotations

import sys

import httpx

PART = "collector"


def command(port: int) -> tuple[str, ...]:
    """The command that runs the collector."""
    return (sys.executable, "-m", "headwater.entrypoints.collector", "--port", str(port))


def answers(port: int, timeout_s: float = 3.0) -> bool:
    """Whether events are taken: the collector works and Kafka answers it."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", timeout=timeout_s).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
