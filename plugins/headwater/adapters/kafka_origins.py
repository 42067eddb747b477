"""Where a message comes from, in its headers: written by sinks, read by readers for many messages at once.

A header costs as much as a third of its message, so there is one: the origin with `:<line>`, or the origin alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.columns import Column, numbers, repeated_text

ORIGIN_HEADER = "origin"
LINE_HEADER = "origin_line"

Headers = list[tuple[str, str | bytes | None]]


def origin_headers(origin: str, line: int) -> dict[str, str | bytes | None] | None:
    """Headers of one message; None where nothing is known."""
    if not origin:
        return None
    return {LINE_HEADER: place_of(origin) % line} if line else {ORIGIN_HEADER: origin.encode()}


def place_of(origin: str) -> bytes:
    """A format that makes the value of the header out of a line number."""
    return origin.encode().replace(b"%", b"%%") + b":%d"


def origin_columns(headers: Sequence[Headers | None]) -> tuple[Column, Column]:
    """Origins as strings and lines as uint64 of many messages; empty and 0 where nothing is known."""
    if not any(headers):
        return repeated_text("", len(headers)), numbers(np.zeros(len(headers), np.uint64), pa.uint64())
    return _lines_of_one_file(headers) or _one_by_one(headers)


def _lines_of_one_file(headers: Sequence[Headers | None]) -> tuple[Column, Column] | None:
    """The usual case of a load without a loop over its messages: one header each, all of the same origin."""
    if any(each is None or len(each) != 1 or each[0][0] != LINE_HEADER for each in headers):
        return None
    try:
        places = pa.array([each[0][1] for each in headers if each], pa.binary()).cast(pa.string())
        origin, colon, _ = str(places[0]).rpartition(":")
        if not colon or not pc.all(pc.starts_with(places, origin + colon)).as_py():
            return None
        lines = pc.utf8_slice_codeunits(places, len(origin) + 1).cast(pa.uint64())
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # not UTF-8, or no number after the colon: headers may hold anything
        return None
    return repeated_text(origin, len(headers)), lines


def _one_by_one(headers: Sequence[Headers | None]) -> tuple[Column, Column]:
    places = [_place(dict(each)) if each else ("", 0) for each in headers]
    return pa.array([origin for origin, _ in places], pa.string()), pa.array([line for _, line in places], pa.uint64())


def _place(headers: dict[str, str | bytes | None]) -> tuple[str, int]:
    origin, colon, line = _text(headers.get(LINE_HEADER)).rpartition(":")
    if colon and line.isascii() and line.isdigit() and len(line) < 20:  # it fits into 64 bits
        return origin, int(line)
    return _text(headers.get(ORIGIN_HEADER)), 0


def _text(value: str | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
