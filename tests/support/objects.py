"""A real S3 server for tests: the one of the local stack, in a process of its own."""

from __future__ import annotations

import json
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


def forbid(store: S3Objects, key: str) -> None:
    """Let nobody read an object any more."""
    denied = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{store.bucket}/{key}",
    }
    policy = {"Version": "2012-10-17", "Statement": [denied]}
    store._client.put_bucket_policy(Bucket=store.bucket, Policy=json.dumps(policy))
