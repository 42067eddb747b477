"""The local S3 server: moto in one process, with its bucket made before it listens. It keeps objects in memory."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence

import httpx
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

REGION = "us-east-1"


def command(port: int, bucket: str) -> tuple[str, ...]:
    """The command that runs the server."""
    return (sys.executable, "-m", "headwater.local.objects", "--port", str(port), "--bucket", bucket)


def answers(port: int, bucket: str, timeout_s: float = 3.0) -> bool:
    """Whether the bucket can be listed."""
    try:
        found = httpx.get(f"http://127.0.0.1:{port}/{bucket}", params={"max-keys": 1}, timeout=timeout_s)
    except httpx.HTTPError:
        return False
    return found.status_code == httpx.codes.OK


class _Quiet(WSGIRequestHandler):
    """One line per request would fill the log."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="objects")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bucket", required=True)
    found = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(found.bucket, REGION)
    application = DomainDispatcherApplication(create_backend_app)
    run_simple("127.0.0.1", found.port, application, threaded=True, request_handler=_Quiet)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
