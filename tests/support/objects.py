"""A real S3 server for tests: the one of the local stack, in a process of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from headwater.adapters.s3 import S3Objects, s3_client
from headwater.local import objects
from tests.support.ports import free_port

_DEADLINE_S = 60


@contextmanager
def bucket(name: str = "events") -> Iterator[S3Objects]:
    """An empty bucket."""
    port = free_port()
    process = subprocess.Popen(objects.command(port, name), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _DEADLINE_S
        while not objects.answers(port, name):
            assert process.poll() is None, "the S3 server ended"
            assert time.monotonic() < deadline, "the S3 server does not answer"
            time.sleep(0.1)
        yield S3Objects(s3_client(f"http://127.0.0.1:{port}", "key", "secret"), name)
    finally:
        process.terminate()
        process.wait(20)
