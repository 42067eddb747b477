"""The HTTP collector: `POST /events` of web pages, the tracker that sends them, and how the collector itself is."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from fastapi.routing import APIRoute
from pydantic_core import to_json

from headwater.assets import asset
from headwater.bootstrap_web import CollectorService
from headwater.contracts import collector_metrics as metrics
from headwater.contracts.web_events import Visitor
from headwater.core.web_bodies import JSON, NDJSON, TooLargeError, UnreadableError, unpack
from headwater.core.web_usual import Given, read_request
from headwater.entrypoints.collector_docs import ANSWERS, DESCRIPTION, EVENTS, READY
from headwater.entrypoints.collector_gate import Doorkeeper, RefusalError
from headwater.entrypoints.collector_shop import shop_router
from headwater.errors import Busy, Retry
from headwater.settings import Settings, load_settings

MOST_EVENTS = 5_000
_JSON_TYPE = "application/json"
_TRACKER_KEPT_S = 3600
_OBJECTS_UNTIL_COLLECTION = 50_000


def create_app(settings: Settings) -> FastAPI:
    """The application; Kafka is looked for when it starts, and need not be there yet."""
    holder: dict[str, Collector] = {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        collector = holder["it"] = Collector(settings)
        app.state.collector = collector
        await collector.service.open()
        try:
            yield
        finally:
            await collector.service.close()

    app = FastAPI(title="Headwater collector", version="1", description=DESCRIPTION, lifespan=lifespan, redoc_url=None)

    async def post_events(request: Request) -> Response:
        return await holder["it"].events(request)

    async def ask_events(request: Request) -> Response:
        return holder["it"].preflight(request)

    app.router.add_api_route(
        "/events", post_events, methods=["POST"], status_code=202, responses=ANSWERS, route_class_override=_PlainRoute,
        **EVENTS,
    )  # fmt: skip
    app.add_api_route("/events", ask_events, methods=["OPTIONS"], include_in_schema=False)

    @app.get("/health", summary="Whether the process works", tags=["operations"])
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/ready", summary="Whether events are taken", tags=["operations"], responses=READY)
    async def ready() -> Response:
        problem = holder["it"].service.gate.problem
        return _json(503 if problem else 200, {"status": "away" if problem else "ready", "problem": problem})

    @app.get("/metrics", summary="Numbers for Prometheus", tags=["operations"], response_class=PlainTextResponse)
    async def show_metrics() -> PlainTextResponse:
        return PlainTextResponse(holder["it"].service.render_metrics(), media_type="text/plain; version=0.0.4")

    @app.get("/tracker.js", summary="The tracker for web pages", tags=["pages"], response_class=FileResponse)
    async def tracker() -> FileResponse:
        headers = {"Cache-Control": f"public, max-age={_TRACKER_KEPT_S}", "Access-Control-Allow-Origin": "*"}
        return FileResponse(asset("tracker/tracker.js"), media_type="text/javascript", headers=headers)

    if settings.collector_shop:
        app.include_router(shop_router(settings))
    return app


class _PlainRoute(APIRoute):
    """A route whose function reads the request itself; FastAPI's own reading of it would find nothing to do."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function as it is."""
        return self.endpoint


class Collector:
    """Takes requests apart and puts answers together."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.collector_body_bytes
        self.service = CollectorService(settings)
        self._door = Doorkeeper(self.service.keys, settings.collector_origins, settings.collector_rate)

    def preflight(self, request: Request) -> Response:
        """Tell a browser whether a page may send events."""
        try:
            return Response(status_code=204, headers=self._door.preflight(request))
        except RefusalError as refusal:
            return self._refused(refusal, {})

    async def events(self, request: Request) -> Response:
        """One request from its body to its answer."""
        began = time.perf_counter()
        headers: dict[str, str] = {}
        try:
            headers = self._door.origin(request)
            key = self._door.key(request)
            given = await self._read(request)
            self._door.rate(key, len(given))
            visitor = _visitor(request)
            collected = await self.service.collect.take(given, visitor)
        except RefusalError as refusal:
            return self._refused(refusal, headers)
        except Busy as error:
            return self._refused(RefusalError(429, "too_many_events", str(error), retry_after_s=1), headers)
        except Retry as error:
            return self._refused(RefusalError(503, "log_away", str(error), retry_after_s=2), headers)
        meter = self.service.meter
        answer: dict[str, Any] = {"accepted": collected.accepted, "rejected": []}
        if collected.refused:
            request_id = str(uuid4())
            answer["rejected"] = [
                {"index": r.index, "reason": r.verdict.reason, "field": r.verdict.field, "detail": r.verdict.detail}
                for r in collected.refused
            ]
            self.service.keep_rejects(key.site, request_id, collected.refused)
        if collected.accepted:
            meter.add(metrics.ACCEPTED, collected.accepted, site=key.site)
        status = 422 if collected.refused and not collected.accepted else 202
        meter.add(metrics.REQUESTS, status=str(status))
        meter.observe(metrics.REQUEST_SECONDS, time.perf_counter() - began)
        return _json(status, answer, headers)

    async def _read(self, request: Request) -> Given:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in JSON and kind not in NDJSON:
            known = ", ".join(sorted((JSON | NDJSON) - {""}))
            raise RefusalError(415, "unknown_type", f"the content type must be one of {known}")
        body = await self._body(request)
        try:
            unpacked = unpack(body, request.headers.get("content-encoding", "").strip().lower(), self._limit)
            return read_request(unpacked, kind, MOST_EVENTS)
        except TooLargeError:
            raise self._too_large() from None
        except UnreadableError as error:
            raise RefusalError(400, "unreadable", str(error)) from None

    async def _body(self, request: Request) -> bytes:
        told = request.headers.get("content-length", "")
        if told.isdecimal() and int(told) > self._limit:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > self._limit:
                raise self._too_large()
            parts.append(part)
        return b"".join(parts)

    def _too_large(self) -> RefusalError:
        detail = f"a request has at most {self._limit} bytes, also unpacked, and {MOST_EVENTS} events"
        return RefusalError(413, "too_large", detail)

    def _refused(self, refusal: RefusalError, headers: dict[str, str]) -> Response:
        self.service.meter.add(metrics.REQUESTS, status=str(refusal.status))
        body = {"error": refusal.code, "detail": refusal.detail}
        return _json(refusal.status, body, {**headers, **refusal.headers})


def _visitor(request: Request) -> Visitor:
    asked = request.headers
    language = asked.get("accept-language", "").partition(",")[0].partition(";")[0].strip()
    return Visitor(
        request.client.host if request.client else "",
        asked.get("user-agent", ""),
        "" if language == "*" else language[:100],
    )


def _json(status: int, content: object, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(content), status, headers, _JSON_TYPE)


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM; then answer what is under way."""
    parser = argparse.ArgumentParser(prog="collector")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    found = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    app = create_app(load_settings())
    # Events leave no cycles behind, but each batch of them looks like much new that stays.
    gc.freeze()
    gc.set_threshold(_OBJECTS_UNTIL_COLLECTION)
    config = uvicorn.Config(
        app, host=found.host, port=found.port, loop="uvloop", http="httptools",
        access_log=False, log_level="warning", server_header=False, timeout_graceful_shutdown=10, backlog=512,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
