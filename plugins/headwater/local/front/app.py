"""The HTTP application: takes a request in, runs it in a thread, sends the answer out."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from headwater.local.front import answers, coding
from headwater.local.front import request as requests
from headwater.local.front.access import Users
from headwater.local.front.desk import Desk, Work
from headwater.local.front.engine import Engine
from headwater.local.front.intake import Gone, Limits, take
from headwater.local.front.problems import Problem
from headwater.local.front.request import Request
from headwater.local.front.runner import Answer, Job
from headwater.local.front.spool import Spool
from headwater.local.front.statement import first_word

log = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HELD_BACK_BYTES = 1 << 20
_SLOT_WAIT_S = 5.0


@dataclass
class Held:
    """The part of an answer that is read before its status is sent; `whole` when nothing follows."""

    answer: Answer
    body: bytes
    whole: bool


class Front:
    """What all requests share."""

    def __init__(self, engine: Engine, users: Users, spool: Spool, limits: Limits, max_queries: int) -> None:
        self._users = users
        self._spool = spool
        self._limits = limits
        self._desk = Desk(engine, spool)
        self._threads = ThreadPoolExecutor(max_queries + 4, "query")
        self._slots = asyncio.Semaphore(max_queries)
        self._max_queries = max_queries
        with engine.connection() as connection:
            self._version = connection.text("SELECT version()")

    def close(self) -> None:
        """End what still runs; the engine stays open."""
        self._desk.close()
        self._threads.shutdown(wait=True)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """One ASGI request."""
        if scope["type"] != "http":
            return
        if scope["path"] in {"/ping", "/replicas_status"}:
            await _start(send, 200, [(b"content-type", b"text/html; charset=UTF-8")], b"Ok.\n", scope["method"])
            return
        request: Request | None = None
        try:
            request = requests.parse(scope)
            await self._answer(request, scope, receive, send)
        except Problem as problem:
            await self._fail(problem, request, scope, send)
        except (Gone, TimeoutError):
            log.info("a client left before its request was complete")
        except Exception:
            log.exception("a request failed")
            await self._fail(Problem(1001, "The front failed; see its log"), request, scope, send)

    async def _answer(self, request: Request, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if request.path not in {"/", "/query"}:
            raise Problem(1001, f"There is no handle {request.path}. Use / or /ping", 404)
        if request.method not in {"GET", "HEAD", "POST"}:
            raise Problem(1001, f"The method {request.method} is not known here", 501)
        user = self._users.check(requests.credentials(request))
        if request.method in {"GET", "HEAD"} and not request.query:
            await _start(send, 200, [(b"content-type", b"text/html; charset=UTF-8")], b"Ok.\n", request.method)
            return
        request, job = await take(request, scope, receive, self._spool, self._limits)
        try:
            async with self._slot(job):
                await self._run(user, request, job, receive, send)
        finally:
            for file in job.files:
                self._spool.remove(file)

    @asynccontextmanager
    async def _slot(self, job: Job) -> AsyncIterator[None]:
        """One of the places for queries; KILL needs none, so that it works when all are taken."""
        if first_word(job.sql) == "KILL":
            yield
            return
        try:
            async with asyncio.timeout(_SLOT_WAIT_S):
                await self._slots.acquire()
        except TimeoutError:
            raise Problem(202, f"Too many simultaneous queries. Maximum: {self._max_queries}") from None
        try:
            yield
        finally:
            self._slots.release()

    async def _run(self, user: str, request: Request, job: Job, receive: Receive, send: Send) -> None:
        work = await self._in_thread(self._desk.open, user, request, job)
        watch = asyncio.create_task(_departure(receive))
        try:
            held = await self._unless_gone(watch, work, self._begin, work)
            await self._send(work, held, watch, send)
        finally:
            watch.cancel()
            if not work.finished:
                await asyncio.shield(self._in_thread(self._desk.finish, work))

    def _begin(self, work: Work) -> Held:
        answer = self._desk.start(work)
        held, size = [], 0
        for piece in answer.pieces:
            held.append(piece)
            size += len(piece)
            if size >= _HELD_BACK_BYTES:
                return Held(answer, b"".join(held), whole=False)
        # Before the last byte is sent, so that the client's next request finds its session free.
        self._desk.finish(work)
        return Held(answer, b"".join(held), whole=True)

    def _next(self, work: Work, answer: Answer) -> bytes | None:
        piece = next(answer.pieces, None)
        if piece is None:
            self._desk.finish(work)
        return piece

    async def _unless_gone(self, watch: asyncio.Task[None], work: Work, call: Callable[..., Any], *args: Any) -> Any:
        """The result of a call in a thread; when the client goes meanwhile, its statement is stopped."""
        future = asyncio.ensure_future(self._in_thread(call, *args))
        try:
            await asyncio.wait({future, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                if not (work.job.insert is not None and work.job.rows is not None):
                    await asyncio.get_running_loop().run_in_executor(None, self._desk.stop, work)
                await asyncio.wait({future})
                future.exception()
                raise Gone
            return future.result()
        except asyncio.CancelledError:
            await asyncio.get_running_loop().run_in_executor(None, self._desk.stop, work)
            await asyncio.wait({future})
            raise

    async def _send(self, work: Work, held: Held, watch: asyncio.Task[None], send: Send) -> None:
        request, answer = work.request, held.answer
        headers = answers.common_headers(request.query_id)
        headers.append((b"content-type", answers.content_type(answer.format).encode()))
        if answer.format:
            headers.append((b"x-clickhouse-format", answer.format.encode()))
        headers.append((b"x-clickhouse-summary", answers.summary(answer.counts)))
        coder: coding.Coder = coding.PLAIN
        if request.flag("enable_http_compression") and (chosen := coding.encoder(request.header("accept-encoding"))):
            name, coder = chosen
            headers.append((b"content-encoding", name.encode()))
        if held.whole or request.method == "HEAD":
            await _start(send, 200, headers, coder.feed(held.body) + coder.finish(), request.method)
            return
        tag = secrets.token_hex(8)
        headers.append((b"x-clickhouse-exception-tag", tag.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            piece: bytes | None = held.body
            while piece is not None:
                async with asyncio.timeout(self._limits.pause_s):
                    await send({"type": "http.response.body", "body": coder.feed(piece), "more_body": True})
                piece = await self._unless_gone(watch, work, self._next, work, answer)
        except Problem as problem:
            # No last chunk follows, so that no client takes the answer for complete.
            log.warning("a stream broke off with code %d", problem.code)
            block = answers.late_problem(problem, self._version, tag)
            await send({"type": "http.response.body", "body": coder.feed(block) + coder.finish(), "more_body": True})
            return
        await send({"type": "http.response.body", "body": coder.finish()})

    async def _fail(
        self, problem: Problem, request: Request | None, scope: MutableMapping[str, Any], send: Send
    ) -> None:
        headers = answers.common_headers(request.query_id if request else "") + answers.problem_headers(problem)
        await _start(send, problem.status, headers, answers.problem_body(problem, self._version), scope["method"])

    async def _in_thread(self, call: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send, status: int, headers: answers.Headers, body: bytes, method: str) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
