"""Lines of JSONL files: cut without ever holding a whole file or an endless line, keyed by a byte search."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import BinaryIO

import numpy as np

KEPT_BYTES = 4096
_BLOCK_BYTES = 1 << 17
_END = ord("\n")


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end. `raw` is cut to `KEPT_BYTES` when the line is longer than the limit."""

    number: int
    raw: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines that follow on each other as one text, without the end of the last; the first has the number `first`.

    `too_long` came before them and is not in the text. `end` is the position in the file behind the last line.
    """

    first: int
    text: bytes
    count: int
    end: int
    too_long: Line | None = None

    @property
    def next(self) -> int:
        """Number of the line after the block."""
        return self.first + self.count

    @property
    def lines(self) -> list[bytes]:
        """The lines, one by one and without their ends."""
        return [line.rstrip(b"\r") for line in self.text.split(b"\n")] if self.count else []


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
        count, behind = _ends(chunk), position - (len(chunk) - last - 1)
        # Only the first line can be too long: the others lie within one reading.
        if size + end > limit_bytes:
            too_long = _too_long(first, head + chunk[:end], size + end)
            block = Block(first + 1, chunk[end + 1 : last], count - 1, behind, too_long)
        else:
            block = Block(first, head + chunk[:last], count, behind)
        head, size = chunk[last + 1 :], len(chunk) - last - 1
        first = block.next
        yield block
    if size > limit_bytes:
        yield Block(first + 1, b"", 0, position, _too_long(first, head, size))
    elif size:
        yield Block(first, head, 1, position)


def _ends(chunk: bytes) -> int:
    """How many lines end in it: `chunk.count` looks at one byte at a time."""
    return int(np.count_nonzero(np.frombuffer(chunk, np.uint8) == _END))


def _too_long(number: int, raw: bytes, size_bytes: int) -> Line:
    return Line(number, raw.rstrip(b"\r")[:KEPT_BYTES], size_bytes)


def cut_lines(file: BinaryIO, limit_bytes: int) -> Iterator[Line]:
    """Lines that are not blank, numbered from 1."""
    for block in read_blocks(file, limit_bytes):
        if block.too_long:
            yield block.too_long
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


def keyed_lines(text: bytes, field: str, first: int) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Number, line and key of each line of the text that is not blank."""
    search = _key_pattern(field).search
    for number, line in enumerate(text.split(b"\n"), first):
        whole = line.rstrip(b"\r")
        match = search(whole)
        if match or whole.strip():
            yield number, whole, match[1] if match else None


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
