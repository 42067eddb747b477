"""Lines of JSONL files: cut without ever holding a whole file or an endless line, keyed by a byte search."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import BinaryIO

KEPT_BYTES = 4096
_BLOCK_BYTES = 1 << 17


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end. `raw` is cut to `KEPT_BYTES` when the line is longer than the limit."""

    number: int
    raw: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that follow on each other, numbered from `first`; those in `too_long` are empty in `lines`.

    `end` is the position in the file behind the last of them.
    """

    first: int
    lines: list[bytes]
    end: int
    too_long: tuple[Line, ...] = ()

    @property
    def next(self) -> int:
        """Number of the line after the block."""
        return self.first + len(self.lines)


def read_blocks(file: BinaryIO, limit_bytes: int, first: int = 1, position: int = 0) -> Iterator[Block]:
    """Lines in blocks that stay in the processor's caches; the file stands at `position`, before the line `first`.

    Memory stays bounded by `limit_bytes`, whatever the length of the lines.
    """
    head, size = b"", 0  # the beginning of the line that is not whole yet, and its length so far
    at_once = min(_BLOCK_BYTES, limit_bytes)
    while chunk := file.read(at_once):
        position += len(chunk)
        end = chunk.find(b"\n")
        if end < 0:
            size += len(chunk)
            head = head + chunk if size <= limit_bytes else (head + chunk)[:KEPT_BYTES]
            continue
        last = chunk.rfind(b"\n")
        lines = [head + chunk[:end]]
        if last > end:
            lines += chunk[end + 1 : last].split(b"\n")
        if b"\r" in chunk or head.endswith(b"\r"):
            lines = [line.rstrip(b"\r") for line in lines]
        block = _block(first, lines, size + end, limit_bytes, position - (len(chunk) - last - 1))
        head, size = chunk[last + 1 :], len(chunk) - last - 1
        first = block.next
        yield block
    if size:
        yield _block(first, [head.rstrip(b"\r")], size, limit_bytes, position)


def _block(first: int, lines: list[bytes], first_size: int, limit_bytes: int, end: int) -> Block:
    """Only the first line of a block can be too long: the others lie within one reading."""
    too_long: tuple[Line, ...] = ()
    if first_size > limit_bytes:
        too_long = (Line(first, lines[0][:KEPT_BYTES], first_size),)
        lines[0] = b""
    return Block(first, lines, end, too_long)


def cut_lines(file: BinaryIO, limit_bytes: int) -> Iterator[Line]:
    """Lines that are not blank, numbered from 1."""
    for block in read_blocks(file, limit_bytes):
        yield from block.too_long
        for number, raw in enumerate(block.lines, block.first):
            if raw.strip():
                yield Line(number, raw, len(raw))


@cache
def _key_pattern(field: str) -> re.Pattern[bytes]:
    return re.compile(rb'"' + re.escape(field).encode() + rb'"\s*:\s*"([^"\\]{1,128})"')


def find_key(raw: bytes, field: str) -> bytes | None:
    """Value of the first string field of that name, without parsing the line; None where there is none."""
    match = _key_pattern(field).search(raw)
    return match.group(1) if match else None


def find_keys(lines: Sequence[bytes], field: str) -> list[bytes | None]:
    """`find_key` of many lines."""
    search = _key_pattern(field).search
    return [match[1] if (match := search(line)) else None for line in lines]


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
