"""Lines of files: cut with bounded memory, keyed without parsing, moved in time."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest

from headwater.core.lines import KEPT_BYTES, cut_lines, find_key, shift_time


def _cut(data: bytes, limit: int = 100) -> list[tuple[int, bytes, int]]:
    return [(line.number, line.raw, line.size_bytes) for line in cut_lines(io.BytesIO(data), limit)]


def test_lines_are_numbered_from_one_and_blank_ones_are_left_out() -> None:
    assert _cut(b"a\n\n  \nb\r\nc") == [(1, b"a", 1), (4, b"b", 1), (5, b"c", 1)]


def test_a_line_of_exactly_the_limit_is_whole() -> None:
    line = b"x" * 100
    assert _cut(line + b"\n" + b"y\n") == [(1, line, 100), (2, b"y", 1)]
    assert _cut(line) == [(1, line, 100)]


def test_a_line_over_the_limit_is_cut_and_the_next_one_keeps_its_number() -> None:
    found = _cut(b"x" * 20_000 + b"\n" + b"y\n")
    assert [(number, len(raw)) for number, raw, _ in found] == [(1, 102), (2, 1)]
    assert found[0][2] == 20_001
    assert len(_cut(b"x" * 20_000, limit=10_000)[0][1]) == KEPT_BYTES


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b'{"click_id":"abc","x":1}', b"abc"),
        (b'{"x":1, "click_id" : "abc"}', b"abc"),
        (b'{"x":1}', None),
        (b"not json", None),
        (b'{"click_id":5}', None),
        (b"\xff\xfe", None),
    ],
)
def test_the_key_is_found_without_parsing(raw: bytes, key: bytes | None) -> None:
    assert find_key(raw, "click_id") == key


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2026-05-01 23:59:30", "2026-05-02 01:59:30"),
        ("2026-05-01 23:59:30.120000", "2026-05-02 01:59:30.120000"),
        ("2026-05-01 23:59:30.5", "2026-05-02 01:59:30.5"),
    ],
)
def test_a_moved_time_keeps_its_fraction_as_it_was(before: str, after: str) -> None:
    raw = json.dumps({"event_timestamp": before, "event_type": "é"}).encode()
    assert json.loads(shift_time(raw, "event_timestamp", timedelta(hours=2))) == {
        "event_timestamp": after,
        "event_type": "é",
    }


@pytest.mark.parametrize("raw", [b"not json", b"[]", b'{"event_timestamp":5}', b'{"event_timestamp":"soon"}', b"{}"])
def test_a_line_without_a_readable_time_stays_as_it_is(raw: bytes) -> None:
    assert shift_time(raw, "event_timestamp", timedelta(hours=2)) == raw
