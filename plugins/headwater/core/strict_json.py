"""JSON as the engine's parser (simdjson) reads it, in Python. All differences to plain `json.loads` are here.

- The bytes are UTF-8, with at most one byte order mark at their start.
- `\\ud800` and other halves of a surrogate pair are refused: they have no UTF-8.
- `NaN`, `Infinity` and numbers too large for a double (`1e999`) are refused.
- A whole number beyond 64 bits (below -2^63 or from 2^64) counts as the text of its digits.
- Of equal keys in one object the first counts.
- Arrays and objects that hold something are at most `MAX_DEPTH` deep.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MAX_DEPTH = 1023

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_EMPTY = re.compile(r"\[[ \t\r\n]*\]|\{[ \t\r\n]*\}")
_BRACKET = re.compile(r"[\[\]{}]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_SHALLOW = 200


def parse_json(raw: bytes) -> Any:
    """Parse one JSON value. Raises `ValueError` for anything that the engine refuses too."""
    text = raw.decode("utf-8-sig")
    deep = text.count("[") + text.count("{") > _SHALLOW
    if deep and _depth(text) > MAX_DEPTH:
        raise ValueError("nested too deep")
    if "\\u" in text:
        _refuse_lone_surrogates(text)
    with _recursion(MAX_DEPTH * 4 if deep else 0):
        return _DECODER.decode(text)


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(_EMPTY.sub("", _STRING.sub('""', text))):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _refuse_lone_surrogates(text: str) -> None:
    high_ends_at = -1
    for escape in _ESCAPE.finditer(text):
        code = int(escape[1], 16) if escape[1] else 0
        is_low = 0xDC00 <= code <= 0xDFFF
        if is_low != (high_ends_at == escape.start()):
            raise ValueError("half of a surrogate pair")
        if high_ends_at >= 0 and not is_low:
            raise ValueError("half of a surrogate pair")
        high_ends_at = escape.end() if 0xD800 <= code <= 0xDBFF else -1
    if high_ends_at >= 0:
        raise ValueError("half of a surrogate pair")


@contextmanager
def _recursion(more: int) -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + more)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs)) if len(pairs) > 1 else dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _whole(text: str) -> int | str:
    if len(text) > 20:
        return text
    number = int(text)
    return number if -(2**63) <= number < 2**64 else text


_DECODER = json.JSONDecoder(
    object_pairs_hook=_first_wins, parse_constant=_refuse, parse_float=_finite, parse_int=_whole
)
