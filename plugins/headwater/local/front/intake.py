"""Take a request's body in: SQL into memory, rows into the spool, forms into fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request as FormRequest

from headwater.local.front import coding
from headwater.local.front.problems import Problem
from headwater.local.front.request import Request, with_fields
from headwater.local.front.runner import Job
from headwater.local.front.spool import Spool
from headwater.local.front.statement import DataInsert, OwnFile, find_data_insert
from headwater.local.front.tokens import Unfinished

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_HEAD_BYTES = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How much a request may carry."""

    body_bytes: int = 4 << 30
    sql_bytes: int = 16 << 20


class Gone(Exception):
    """The client left before its request was complete."""


async def take(
    request: Request, scope: MutableMapping[str, Any], receive: Receive, spool: Spool, limits: Limits
) -> tuple[Request, Job]:
    """Read the whole body; returns the request (with the fields of a form) and what is to be run."""
    if request.flag("decompress"):
        raise Problem(48, "decompress=1 is not supported; use Content-Encoding")
    if request.header("content-type").startswith("multipart/form-data"):
        return await _take_form(request, scope, receive, limits)
    size = int(request.header("content-length") or 0)
    if size > limits.body_bytes:
        raise Problem(307, f"The body of {size} bytes is over the limit of {limits.body_bytes}", 413)
    pieces = _pieces(request, receive, limits)
    head = request.query.encode() + b"\n" if request.query else b""
    insert: DataInsert | None = None
    undecided = True
    while undecided:
        try:
            insert = find_data_insert(head.decode("latin-1"), whole=False)
            undecided = False
        except Unfinished:
            piece = await anext(pieces, None)
            if piece is None:
                insert = find_data_insert(head.decode("latin-1"), whole=True)
                undecided = False
            else:
                head += piece
                if len(head) > _HEAD_BYTES + len(piece):
                    raise Problem(62, "The INSERT before its data is too long") from None
        except OwnFile:
            raise Problem(497, "FROM INFILE works in a client, not through HTTP") from None
    if insert is None:
        parts, size = [head], len(head)
        async for piece in pieces:
            parts.append(piece)
            size += len(piece)
            if size > limits.sql_bytes:
                raise Problem(62, f"The statement is longer than {limits.sql_bytes} bytes")
        return request, Job(_sql(b"".join(parts)), request.default_format, request.params)
    rows = spool.create(size)
    try:
        rows.write(head[insert.data_at :])
        async for piece in pieces:
            rows.write(piece)
        rows.seal()
        text = _sql(head[: insert.clauses_end])
        shift = len(text) - insert.clauses_end
        del shift
        return request, Job("", request.default_format, request.params, rows, _in_characters(head, insert))
    except BaseException:
        spool.remove(rows)
        raise


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


async def _pieces(request: Request, receive: Receive, limits: Limits) -> AsyncIterator[bytes]:
    decoder = coding.decoder(request.header("content-encoding").lower())
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        data = message.get("body", b"")
        if data:
            piece = decoder.feed(data) if decoder else data
            size += len(piece)
            if size > limits.body_bytes:
                raise Problem(307, f"The body is over the limit of {limits.body_bytes} bytes", 413)
            if piece:
                yield piece
        if not message.get("more_body", False):
            break
    if decoder is not None and size + (decoder.finish() != b""):
        return


async def _take_form(
    request: Request, scope: MutableMapping[str, Any], receive: Receive, limits: Limits
) -> tuple[Request, Job]:
    async with FormRequest(scope, receive).form(max_part_size=limits.sql_bytes) as form:
        fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    request = with_fields(request, fields)
    return request, Job(request.query, request.default_format, request.params)
