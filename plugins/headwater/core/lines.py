"""Lines of JSONL files: cut without ever holding a whole file or an endless line, keyed by a byte search."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import BinaryIO

KEPT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end. `raw` is cut to `KEPT_BYTES` when the line is longer than the limit."""

    number: int
    raw: bytes
    size_bytes: int


def cut_lines(file: BinaryIO, limit_bytes: int) -> Iterator[Line]:
    """Lines that are not blank, numbered from 1; memory stays bounded by `limit_bytes` whatever the line's length."""
    number = 0
    while first := file.readline(limit_bytes + 2):
        number += 1
        raw, size = first, len(first)
        while not raw.endswith(b"\n") and (more := file.readline(limit_bytes)):
            size += len(more)
            raw = first[:KEPT_BYTES] + more[-1:]
        line = raw.rstrip(b"\r\n")
        if size > limit_bytes + 1:
            yield Line(number, first[:KEPT_BYTES], size)
        elif line.strip():
            yield Line(number, line, len(line))


@cache
def _key_pattern(field: str) -> re.Pattern[bytes]:
    return re.compile(rb'"' + re.escape(field).encode() + rb'"\s*:\s*"([^"\\]{1,128})"')


def find_key(raw: bytes, field: str) -> bytes | None:
    """Value of the first string field of that name, without parsing the line; None where there is none."""
    match = _key_pattern(field).search(raw)
    return match.group(1) if match else None


def event_time(raw: bytes, field: str) -> datetime | None:
    """Time of an event, naive UTC; None where the line has none that can be read."""
    try:
        value = json.loads(raw)[field]
        return datetime.fromisoformat(value).replace(tzinfo=None)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def shift_time(raw: bytes, field: str, shift: timedelta) -> bytes:
    """The same line with its time moved by `shift`, the fraction kept as it was; unreadable lines stay as they are."""
    try:
        event = json.loads(raw)
        text = event[field]
        fraction = text.partition(".")[2]
        moved = datetime.fromisoformat(text).replace(microsecond=0) + shift
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return raw
    event[field] = moved.strftime("%Y-%m-%d %H:%M:%S") + (f".{fraction}" if fraction else "")
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
