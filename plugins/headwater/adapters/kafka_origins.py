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
        return place_columns(len(headers), None, None)
    known = [dict(each) if each else {} for each in headers]
    return place_columns(len(headers), _values(known, LINE_HEADER), _values(known, ORIGIN_HEADER))


def _values(known: Sequence[dict[str, str | bytes | None]], name: str) -> Column:
    """The header of that name of each message; null where it has none, or one without a value."""
    return pa.array([value.encode() if isinstance(value := each.get(name), str) else value for each in known],
                    pa.binary())  # fmt: skip


def place_columns(rows: int, lines: Column | None, origins: Column | None) -> tuple[Column, Column]:
    """The same of the values of the two headers, as binary with nulls; None where no message has that header."""
    if lines is None and origins is None:
        return repeated_text("", rows), numbers(np.zeros(rows, np.uint64), pa.uint64())
    if lines is not None and not lines.null_count and (found := _lines_of_one_file(lines)):
        return found
    places = [_place(line, origin) for line, origin in zip(_listed(rows, lines), _listed(rows, origins), strict=True)]
    return pa.array([origin for origin, _ in places], pa.string()), pa.array([line for _, line in places], pa.uint64())


def _listed(rows: int, values: Column | None) -> list[bytes | None]:
    return [None] * rows if values is None else values.to_pylist()


def _lines_of_one_file(values: Column) -> tuple[Column, Column] | None:
    """The usual case of a load without a loop over its messages: all of the same origin."""
    try:
        places = values.cast(pa.string())
        origin, colon, _ = str(places[0]).rpartition(":")
        if not colon or not pc.all(pc.starts_with(places, origin + colon)).as_py():
            return None
        lines = pc.utf8_slice_codeunits(places, len(origin) + 1).cast(pa.uint64())
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # not UTF-8, or no number after the colon: headers may hold anything
        return None
    return repeated_text(origin, len(values)), lines


def _place(line_header: bytes | None, origin_header: bytes | None) -> tuple[str, int]:
    origin, colon, line = _text(line_header).rpartition(":")
    if colon and line.isascii() and line.isdigit() and len(line) < 20:  # it fits into 64 bits
        return origin, int(line)
    return _text(origin_header), 0


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")
