"""Refused HTTP events on their way into `ops.rejects`: in the background, bounded, in no request's way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import pyarrow as pa

from headwater.adapters.clickhouse import ClickHouse
from headwater.core.lines import KEPT_BYTES
from headwater.errors import HeadwaterError

log_ = logging.getLogger(__name__)

STREAM = "http"
_MOST = 5_000
_AT_ONCE = 1_000
_PAUSE_S = 1.0


class Row(NamedTuple):
    """One refused event; `origin` is its site and request, `line` its place in the request from 1."""

    raw: bytes
    reason: str
    field: str
    detail: str
    origin: str
    line: int
    at: datetime


class RejectBook:
    """Keeps refused events once ClickHouse takes them; tells `lost` how many it could not keep."""

    def __init__(self, url: str | None, lost: Callable[[int], None]) -> None:
        self._clickhouse = ClickHouse(url) if url else None
        self._lost = lost
        self._waiting: deque[Row] = deque()
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._keep_writing())

    def put(self, rows: Sequence[Row]) -> None:
        """Queue rows; what is beyond the bound is counted as lost."""
        taken = 0 if self._clickhouse is None else max(0, min(len(rows), _MOST - len(self._waiting)))
        self._waiting.extend(row._replace(raw=row.raw[:KEPT_BYTES]) for row in rows[:taken])
        if taken < len(rows):
            self._lost(len(rows) - taken)
        if taken:
            self._some.set()

    async def close(self) -> None:
        """Write what waits, once."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._waiting:
            await self._write()
        if self._clickhouse is not None:
            await asyncio.to_thread(self._clickhouse.close)

    async def _keep_writing(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                await self._write()
            await asyncio.sleep(_PAUSE_S)

    async def _write(self) -> None:
        rows = [self._waiting.popleft() for _ in range(min(len(self._waiting), _AT_ONCE))]
        try:
            await asyncio.to_thread(self._insert, rows)
        except HeadwaterError as error:
            self._lost(len(rows))
            log_.warning("%d refused events are not in ops.rejects: %s", len(rows), type(error).__name__)

    def _insert(self, rows: Sequence[Row]) -> None:
        if self._clickhouse is None:
            return
        columns = {
            "stream": pa.array([STREAM] * len(rows)),
            "raw": pa.array([row.raw for row in rows], pa.binary()),
            "reason": pa.array([row.reason for row in rows]),
            "field": pa.array([row.field for row in rows]),
            "detail": pa.array([row.detail for row in rows]),
            "origin": pa.array([row.origin for row in rows]),
            "origin_line": pa.array([row.line for row in rows], pa.uint64()),
            "rejected_at": pa.array([row.at for row in rows], pa.timestamp("ms", "UTC")),
        }
        self._clickhouse.insert_arrow("ops.rejects", lambda: columns, f"web-rejects:{uuid4()}")
