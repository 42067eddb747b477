"""Bodies of requests: unpacked within a limit, and cut into JSON values."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import brotli
import zstandard
from pydantic_core import from_json

from headwater.contracts.rejects import RejectReason
from headwater.contracts.web_events import WebReject

_GZIP = 31
_ZSTD_PIECE = 256
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
JSON = frozenset({"application/json", "text/plain", ""})


class TooLargeError(Exception):
    """The body is longer than allowed."""


class UnreadableError(Exception):
    """The body is not what its headers say."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that is no JSON value."""

    raw: bytes
    reject: WebReject


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """`body` without its encoding. Raises `TooLargeError` past `limit` bytes, without ever holding much more."""
    match encoding:
        case "" | "identity":
            unpacked = body
        case "gzip" | "x-gzip":
            unpacked = _gunzip(body, limit)
        case "br":
            unpacked = _unbrotli(body, limit)
        case "zstd":
            unpacked = _unzstd(body, limit)
        case _:
            raise UnreadableError(f"the encoding {encoding[:40]!r} is not known: gzip, br and zstd are")
    if len(unpacked) > limit:
        raise TooLargeError
    return unpacked


def _gunzip(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while body:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(body, limit - size + 1)
        except zlib.error:
            raise UnreadableError("the body is not gzip") from None
        size += len(part)
        if size > limit:
            raise TooLargeError
        if not member.eof:
            raise UnreadableError("the gzip body is cut short")
        parts.append(part)
        body = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _unbrotli(body: bytes, limit: int) -> bytes:
    reader = brotli.Decompressor()
    try:
        unpacked: bytes = reader.process(body, output_buffer_limit=limit + 1)
        while not reader.is_finished() and len(unpacked) <= limit:
            more: bytes = reader.process(b"", output_buffer_limit=limit + 1)
            if not more:
                raise UnreadableError("the brotli body is cut short")
            unpacked += more
    except brotli.error:
        raise UnreadableError("the body is not brotli") from None
    return unpacked


def _unzstd(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while body:
        frame = zstandard.ZstdDecompressor(max_window_size=1 << 23).decompressobj()
        # A block of four bytes may stand for 128 KiB, so the input goes in small pieces.
        for start in range(0, len(body), _ZSTD_PIECE):
            try:
                part = frame.decompress(body[start : start + _ZSTD_PIECE])
            except zstandard.ZstdError:
                raise UnreadableError("the body is not zstd") from None
            size += len(part)
            if size > limit:
                raise TooLargeError
            parts.append(part)
            if frame.eof:
                body = frame.unused_data + body[start + _ZSTD_PIECE :]
                break
        else:
            raise UnreadableError("the zstd body is cut short")
    return b"".join(parts)


def values(body: bytes, content_type: str, most: int) -> Sequence[Any]:
    """The values of a JSON array, one object, or lines; a broken line is an `Unread`.

    Raises `UnreadableError` for what is not JSON, `TooLargeError` for more than `most` values.
    """
    if content_type in NDJSON:
        lines = [line for line in body.split(b"\n") if line.strip()]
        if len(lines) > most:
            raise TooLargeError
        return [_line(line) for line in lines]
    try:
        # Most texts are new ones: keeping them to find them again costs more than making them.
        found = from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        raise UnreadableError("the body is not JSON") from None
    if not isinstance(found, list):
        return [found]
    if len(found) > most:
        raise TooLargeError
    return found


def _line(line: bytes) -> Any:
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError:
        return Unread(line, WebReject(RejectReason.INVALID_JSON, "", "the line is not one JSON value in UTF-8"))
