"""Origins of messages in their headers."""

from __future__ import annotations

import pytest

from headwater.adapters.kafka_origins import Headers, origin_columns, origin_headers


def _read(headers: list[Headers | None]) -> list[tuple[str, int]]:
    origins, lines = origin_columns(headers)
    return list(zip(origins.to_pylist(), lines.to_pylist(), strict=True))


@pytest.mark.parametrize("origin", ["a.jsonl", "ü 100%d.jsonl", "s3://bucket/a:b", "7"])
def test_what_is_written_is_read(origin: str) -> None:
    made = [origin_headers(origin, line) for line in (1, 2, 2**63)]
    written: list[Headers | None] = [list(each.items()) for each in made if each]
    assert _read(written) == [(origin, 1), (origin, 2), (origin, 2**63)]
    alone = origin_headers(origin, 0)
    assert alone is not None
    assert _read([*written, None, list(alone.items())]) == [
        (origin, 1),
        (origin, 2),
        (origin, 2**63),
        ("", 0),
        (origin, 0),
    ]


def test_nothing_known_is_no_header() -> None:
    assert origin_headers("", 7) is None
    assert _read([None, None]) == [("", 0), ("", 0)]


@pytest.mark.parametrize(
    "value",
    [
        b"a.jsonl:x",
        b"a.jsonl:",
        b"a.jsonl",
        b"\xff:",
        b"a:99999999999999999999",
        "a:²".encode(),
        b"a: 7",
        b"a:-7",
        None,
    ],
)
def test_headers_that_hold_anything_are_no_error(value: bytes | None) -> None:
    found = _read([[("origin_line", b"a:1")], [("origin_line", value)], [("other", value)]])
    assert found == [("a", 1), ("", 0), ("", 0)]
    assert [line for _, line in _read([[("origin_line", value)]])] == [0]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert _read([[("origin_line", b"\xff:1")], [("origin", b"\xfe")]]) == [("\ufffd", 1), ("\ufffd", 0)]
