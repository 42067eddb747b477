"""Compose the front and serve until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from headwater.assets import asset
from headwater.errors import FixSettings, HeadwaterError
from headwater.local.front.access import load_users
from headwater.local.front.app import Front
from headwater.local.front.engine import Engine
from headwater.local.front.intake import Limits
from headwater.local.front.problems import EngineProblem
from headwater.local.front.protocol import LimitedProtocol
from headwater.local.front.spool import Spool

log = logging.getLogger(__name__)

_FINISH_S = 5
_KEEP_ALIVE_S = 60


@dataclass(frozen=True)
class Options:
    """Where the front keeps its files, and its bounds."""

    data_dir: Path
    spool_dir: Path
    port: int
    secrets: Path
    max_queries: int
    max_memory_bytes: int
    max_body_bytes: int


class _Server(uvicorn.Server):
    """Ends with exit code 0 on the signals that stop it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the loop in good order instead of raising the signal again."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield


def serve(options: Options) -> int:
    """Open the engine, listen on loopback, stop cleanly on SIGTERM; returns the exit code."""
    try:
        users = load_users(options.secrets)
        engine = _open_engine(options)
    except HeadwaterError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    spool = Spool(options.spool_dir)
    front = Front(engine, users, spool, Limits(body_bytes=options.max_body_bytes), options.max_queries)
    config = uvicorn.Config(
        front,
        host="127.0.0.1",
        port=options.port,
        http=LimitedProtocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_FINISH_S,
    )
    try:
        asyncio.run(_Server(config).serve())
    finally:
        front.close()
        engine.close()
        spool.close()
    log.info("stopped")
    return 0


def _open_engine(options: Options) -> Engine:
    template = asset("clickhouse/config/local.xml").read_text()
    config = options.spool_dir / "engine.config"
    config.write_text(template.replace("{max_memory_bytes}", str(options.max_memory_bytes)))
    engine = Engine(options.data_dir, config)
    try:
        engine.open()
    except EngineProblem as problem:
        message = (
            f"The data folder {options.data_dir} cannot be opened: {problem}. "
            "If another front runs on it, stop that one; see the log for damage."
        )
        raise FixSettings(message, data_dir=options.data_dir) from None
    return engine
