"""The HTTP application: takes a request in, runs it in a thread, sends the answer out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from headwater.local.front import answers, coding, request as requests
from headwater.local.front.access import Users
from headwater.local.front.engine import SERVER_DEFAULTS, Connection, Engine
from headwater.local.front.intake import Limits, take
from headwater.local.front.problems import Problem
from headwater.local.front.request import Request
from headwater.local.front.runner import Answer, Job, run
from headwater.local.front.spool import Spool

log = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HELD_BACK_BYTES = 1 << 20


@dataclass
class Front:
    """What all requests share."""

    engine: Engine
    users: Users
    spool: Spool
    limits: Limits
    max_queries: int

    def __post_init__(self) -> None:
        self.threads = ThreadPoolExecutor(self.max_queries + 4, "query")
        self.slots = asyncio.Semaphore(self.max_queries)
        with self.engine.connection() as connection:
            self.version = connection.text("SELECT version()")

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """One ASGI request."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path == "/ping" or path == "/replicas_status":
            await _plain(send, 200, b"Ok.\n", head=scope["method"] == "HEAD")
            return
        parsed: Request | None = None
        try:
            parsed = requests.parse(scope)
            await self._answer(parsed, scope, receive, send)
        except Problem as problem:
            await self._fail(problem, parsed, send)
        except Exception:
            log.exception("request failed")
            await self._fail(Problem(1001, "The front failed; see its log"), parsed, send)

    async def _answer(self, request: Request, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if request.path not in {"/", "/query"}:
            raise Problem(1001, f"There is no handle {request.path}. Use / or /ping", 404)
        user = self.users.check(requests.credentials(request))
        request, job = await take(request, scope, receive, self.spool, self.limits)
        try:
            async with self.slots:
                await self._run(user, request, job, send)
        finally:
            if job.rows is not None:
                self.spool.remove(job.rows)

    async def _run(self, user: str, request: Request, job: Job, send: Send) -> None:
        loop = asyncio.get_running_loop()

        def start() -> tuple[Connection, Answer, list[bytes], bool]:
            connection = self.engine.connect()
            try:
                connection.set({**SERVER_DEFAULTS, **request.settings})
                if request.database:
                    connection.use(request.database)
                answer = run(connection, job, self.spool)
                held, done = _hold(answer.pieces)
            except BaseException:
                connection.close()
                raise
            return connection, answer, held, done

        connection, answer, held, done = await loop.run_in_executor(self.threads, start)
        try:
            await self._send(request, answer, held, done, send)
        finally:
            await loop.run_in_executor(self.threads, connection.close)

    async def _send(self, request: Request, answer: Answer, held: list[bytes], done: bool, send: Send) -> None:
        loop = asyncio.get_running_loop()
        headers = answers.common_headers(request.query_id)
        headers.append((b"content-type", answers.content_type(answer.format).encode()))
        headers.append((b"x-clickhouse-format", answer.format.encode()))
        headers.append((b"x-clickhouse-summary", answers.summary(answer.counts)))
        coder = None
        if request.flag("enable_http_compression") and (chosen := coding.encoder(request.header("accept-encoding"))):
            name, coder = chosen
            headers.append((b"content-encoding", name.encode()))
        body = b"".join(held)
        if done:
            if coder is not None:
                body = coder.feed(body) + coder.finish()
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if request.method == "HEAD":
            body = b""
        if done:
            await send({"type": "http.response.body", "body": body})
            return
        await send({"type": "http.response.body", "body": coder.feed(body) if coder else body, "more_body": True})
        while (piece := await loop.run_in_executor(self.threads, next, answer.pieces, None)) is not None:
            await send(
                {"type": "http.response.body", "body": coder.feed(piece) if coder else piece, "more_body": True}
            )
        await send({"type": "http.response.body", "body": coder.finish() if coder else b""})

    async def _fail(self, problem: Problem, request: Request | None, send: Send) -> None:
        body = answers.problem_body(problem, self.version)
        headers = answers.common_headers(request.query_id if request else "") + answers.problem_headers(problem)
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _hold(pieces: Iterator[bytes]) -> tuple[list[bytes], bool]:
    held, size = [], 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _HELD_BACK_BYTES:
            return held, False
    return held, True


async def _plain(send: Send, status: int, body: bytes, *, head: bool = False) -> None:
    headers = [(b"content-type", b"text/html; charset=UTF-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})
