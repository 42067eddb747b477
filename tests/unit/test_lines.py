"""Lines of files: cut with bounded memory, keyed without parsing, moved in time."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest

from headwater.core.lines import KEPT_BYTES, Block, cut_lines, find_key, keyed_lines, read_blocks, shift_time


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
    assert [(number, size) for number, _, size in found] == [(1, 20_000), (2, 1)]
    assert len(found[0][1]) <= KEPT_BYTES
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


def _blocks(data: bytes, limit: int = 100, first: int = 1, position: int = 0) -> list[Block]:
    return list(read_blocks(io.BytesIO(data[position:]), limit, first, position))


def _flat(blocks: list[Block]) -> tuple[dict[int, bytes], dict[int, int]]:
    lines = {n: line for block in blocks for n, line in enumerate(block.lines, block.first)}
    return lines, {block.too_long.number: block.too_long.size_bytes for block in blocks if block.too_long}


@pytest.mark.parametrize("limit", [3, 7, 10, 64, 1000])
def test_blocks_hold_every_line_once_and_can_be_read_on_from_the_end_of_each(limit: int) -> None:
    data = b"one\n\ntwo\r\n" + b"x" * 50 + b"\n  \nthree\nlast"
    whole = _blocks(data, limit)
    assert whole[-1].end == len(data)
    lines, too_long = _flat(whole)
    for block in whole:
        rest, _ = _flat(_blocks(data, limit, block.next, block.end))
        assert rest == {n: line for n, line in lines.items() if n >= block.next}
        assert len(block.lines) == block.count
    expected = [b"one", b"", b"two", b"x" * 50, b"  ", b"three", b"last"]
    assert lines == {n: line for n, line in enumerate(expected, 1) if n not in too_long}
    assert too_long.get(4, 50) == 50
    assert (4 in too_long) == (limit < 50)


def test_lines_that_are_not_blank_come_with_their_number_and_key() -> None:
    lines = [b'{"click_id":"abc"}', b"", b'{"click_id" : "d"}\r', b" \t", b"no", b'{"click_id":"e\\"f"}', b"\r"]
    assert list(keyed_lines(b"\n".join(lines), "click_id", 5)) == [
        (5, lines[0], b"abc"),
        (7, lines[2][:-1], b"d"),
        (9, b"no", None),
        (10, lines[5], None),
    ]
    assert list(keyed_lines(b"", "click_id", 5)) == []
