"""The program of the local S3 server: moto in one process, with its bucket made before it listens."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, run_simple

_REGION = "us-east-1"


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
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(found.bucket, _REGION)
    application = DomainDispatcherApplication(create_backend_app)
    run_simple("127.0.0.1", found.port, application, threaded=True, request_handler=_Quiet)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
