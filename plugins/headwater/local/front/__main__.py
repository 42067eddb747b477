"""`python -m headwater.local.front`: open the engine, listen on loopback, stop cleanly on SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ["TZ"] = "UTC"
time.tzset()

import uvicorn  # noqa: E402 - the engine reads the time zone when it is loaded

from headwater.assets import asset  # noqa: E402
from headwater.errors import FixSettings, HeadwaterError  # noqa: E402
from headwater.local.front.access import load_users  # noqa: E402
from headwater.local.front.app import Front  # noqa: E402
from headwater.local.front.engine import Engine, enter_private_folder  # noqa: E402
from headwater.local.front.intake import Limits  # noqa: E402
from headwater.local.front.problems import EngineProblem  # noqa: E402
from headwater.local.front.protocol import LimitedProtocol  # noqa: E402
from headwater.local.front.spool import Spool  # noqa: E402


class _Server(uvicorn.Server):
    """Ends with exit code 0 on the signals that stop it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the loop in good order instead of raising the signal again."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield


def main() -> int:
    """Serve until a signal."""
    options = _options()
    logging.basicConfig(filename=options.log_file, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        users = load_users(options.secrets.resolve())
        data_dir, spool_dir = options.data_dir.resolve(), options.spool_dir.resolve()
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        spool_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        enter_private_folder(spool_dir / "cwd")
        engine = Engine(data_dir, asset("clickhouse/config/local.xml"))
        engine.open()
    except EngineProblem as problem:
        print(f"The data folder {data_dir} cannot be opened: {problem}. Is another front running on it?", file=sys.stderr)
        return FixSettings.exit_code
    except HeadwaterError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    spool = Spool(spool_dir)
    front = Front(engine, users, spool, Limits(), options.max_queries)
    config = uvicorn.Config(
        front, host="127.0.0.1", port=options.port, http=LimitedProtocol, loop="uvloop", ws="none", lifespan="off",
        access_log=False, log_config=None, timeout_keep_alive=60, timeout_graceful_shutdown=10, server_header=False,
    )  # fmt: skip
    server = _Server(config)
    asyncio.run(server.serve())
    front.close()
    engine.close()
    spool.close()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m headwater.local.front", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--spool-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secrets", type=Path, required=True)
    parser.add_argument("--max-queries", type=int, default=16)
    parser.add_argument("--max-memory-bytes", type=int, default=4 << 30)
    parser.add_argument("--log-file", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
