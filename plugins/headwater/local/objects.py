"""The local S3 server from outside: its command and its health. It keeps objects in memory."""

from __future__ import annotations

import sys

import httpx


def command(port: int, bucket: str) -> tuple[str, ...]:
    """The command that runs the server."""
    return (sys.executable, "-m", "headwater.local.objects_server", "--port", str(port), "--bucket", bucket)


def answers(port: int, bucket: str, timeout_s: float = 3.0) -> bool:
    """Whether the bucket can be listed."""
    try:
        found = httpx.get(f"http://127.0.0.1:{port}/{bucket}", params={"max-keys": 1}, timeout=timeout_s)
    except httpx.HTTPError:
        return False
    return found.status_code == httpx.codes.OK
