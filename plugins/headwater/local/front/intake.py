"""Take a request's body in: SQL into memory, rows into the spool, forms into fields and tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request as FormRequest

from headwater.local.front import coding
from headwater.local.front.external import ExternalTable, structure_of
from headwater.local.front.problems import Problem
from headwater.local.front.request import Request, with_fields
from headwater.local.front.runner import Job
from headwater.local.front.spool import Spool, Spooled
from headwater.local.front.statement import DataInsert, OwnFile, find_data_insert
from headwater.local.front.tokens import Unfinished

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Pieces = AsyncIterator[bytes]

_HEAD_BYTES = 1 << 20
_COPY_BYTES = 1 << 20
# What a body may become: one of unknown length, and one that arrives compressed.
_UNKNOWN_BYTES = 512 << 20
_EXPANSION = 8


@dataclass(frozen=True)
class Limits:
    """How much a request may carry, and how long a client may pause."""

    body_bytes: int = 4 << 30
    sql_bytes: int = 16 << 20
    pause_s: float = 300


class Gone(Exception):
    """The client left before its request was complete."""


async def take(
    request: Request, scope: MutableMapping[str, Any], receive: Receive, spool: Spool, limits: Limits
) -> tuple[Request, Job]:
    """Read the whole body; returns the request (with the fields of a form) and what is to be run.

    The caller removes the files of the job.
    """
    for name in ("decompress", "compress"):
        if request.flag(name):
            raise Problem(48, f"{name}=1 is not supported; use Content-Encoding and enable_http_compression", 501)
    announced = request.header("content-length")
    size = int(announced) if announced.isdigit() else 0
    if size > limits.body_bytes:
        raise Problem(307, f"The body of {size} bytes is over the limit of {limits.body_bytes}", 413)
    if request.header("content-type").startswith("multipart/form-data"):
        return await _take_form(request, scope, receive, spool, limits)
    pieces = _pieces(request, receive, limits)
    head, insert = await _take_head(request, pieces)
    if insert is None:
        return request, Job(await _take_sql(head, pieces, limits), request.default_format, request.params)
    if not size:
        size = _UNKNOWN_BYTES
    elif request.header("content-encoding"):
        size *= _EXPANSION
    rows = await _take_rows(head[insert.data_at :], pieces, spool, size)
    try:
        return request, Job("", request.default_format, request.params, rows, _in_characters(head, insert))
    except BaseException:
        spool.remove(rows)
        raise


async def _take_head(request: Request, pieces: Pieces) -> tuple[bytes, DataInsert | None]:
    """Read until it is certain whether this is an INSERT with data, and where the data begins."""
    head = request.query.encode() + b"\n" if request.query else b""
    whole = False
    while True:
        try:
            return head, find_data_insert(head.decode("latin-1"), whole=whole)
        except OwnFile:
            raise Problem(497, "FROM INFILE works in a client, not through HTTP") from None
        except Unfinished:
            if len(head) > _HEAD_BYTES:
                # Too long for the start of an INSERT: a long statement of another kind, or an error of syntax.
                return head, None
        piece = await anext(pieces, None)
        whole = piece is None
        head += piece or b""


async def _take_sql(head: bytes, pieces: Pieces, limits: Limits) -> str:
    parts, size = [head], len(head)
    async for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > limits.sql_bytes:
            raise Problem(62, f"The statement is longer than {limits.sql_bytes} bytes")
    return _sql(b"".join(parts))


async def _take_rows(first: bytes, pieces: Pieces, spool: Spool, size: int) -> Spooled:
    rows = spool.create(size)
    try:
        rows.write(first)
        async for piece in pieces:
            rows.write(piece)
        rows.seal()
    except OSError as error:
        spool.remove(rows)
        raise Problem(243, f"The body cannot be kept: {error.strerror}", 507) from None
    except BaseException:
        spool.remove(rows)
        raise
    return rows


def _in_characters(head: bytes, insert: DataInsert) -> DataInsert:
    """Positions in bytes become positions in text."""
    text = _sql(head[: insert.clauses_end])
    at = len(_sql(head[: insert.infile_at]))
    return DataInsert(text, at, len(text), insert.format, len(text))


def _sql(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Problem(62, "The statement is not UTF-8") from None


async def _pieces(request: Request, receive: Receive, limits: Limits) -> Pieces:
    decoder = coding.decoder(request.header("content-encoding").lower())
    size, more = 0, True
    while more:
        async with asyncio.timeout(limits.pause_s):
            message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        more = message.get("more_body", False)
        data = message.get("body", b"")
        piece = decoder.feed(data) if decoder and data else data
        size += len(piece)
        if size > limits.body_bytes:
            raise Problem(307, f"The body is over the limit of {limits.body_bytes} bytes", 413)
        if piece:
            yield piece
    if decoder is not None:
        decoder.finish()


async def _take_form(
    request: Request, scope: MutableMapping[str, Any], receive: Receive, spool: Spool, limits: Limits
) -> tuple[Request, Job]:
    """Fields are parameters as in the URL; files are external tables."""
    files: list[tuple[str, Spooled]] = []
    try:
        async with FormRequest(scope, receive).form(max_part_size=limits.sql_bytes) as form:
            fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
            for name, upload in form.multi_items():
                if isinstance(upload, UploadFile):
                    rows = spool.create(upload.size or 0)
                    files.append((name, rows))
                    while piece := await upload.read(_COPY_BYTES):
                        rows.write(piece)
                    rows.seal()
        request = with_fields(request, fields, tuple(name for name, _ in files))
        external = tuple(_external(request, name, rows) for name, rows in files)
        return request, Job(request.query, request.default_format, request.params, external=external)
    except BaseException:
        for _, rows in files:
            spool.remove(rows)
        raise


def _external(request: Request, name: str, rows: Spooled) -> ExternalTable:
    described = request.external
    structure = described.get(f"{name}_structure") or structure_of(described.get(f"{name}_types", "String"))
    return ExternalTable(name, structure, described.get(f"{name}_format", "TabSeparated"), rows)
