"""JSON as the engine reads it: each rule by itself."""

from __future__ import annotations

import pytest

from headwater.core.strict_json import MAX_DEPTH, parse_json


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"a":1}', {"a": 1}),
        (b'\xef\xbb\xbf {"a":1}\r\n', {"a": 1}),
        (b'{"a":"b","a":"c"}', {"a": "b"}),
        (b'{"a":null,"a":"c"}', {"a": None}),
        (b'{"a":18446744073709551615}', {"a": 2**64 - 1}),
        (b'{"a":18446744073709551616}', {"a": "18446744073709551616"}),
        (b'{"a":-9223372036854775809}', {"a": "-9223372036854775809"}),
        (b'{"a":' + b"9" * 5000 + b"}", {"a": "9" * 5000}),
        (b'{"a":1e-999}', {"a": 0.0}),
        (rb'{"a":"\ud83d\ude00"}', {"a": "😀"}),
        (rb'{"a":"\\ud800"}', {"a": "\\ud800"}),
        (b"null", None),
    ],
)
def test_accepts(raw: bytes, expected: object) -> None:
    assert parse_json(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"\xef\xbb\xbf", b'\xef\xbb\xbf\xef\xbb\xbf{"a":1}', b' \xef\xbb\xbf{"a":1}', b'{"a":1}\x00',
        b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', rb'{"a":"\ud800"}', rb'{"a":"\udc00\ud800"}', rb'{"a":"\ud83dx"}',
        rb'{"a":"\ud83d\u0041"}', rb'{"a":"\ud83d\\ude00"}', rb'{"\udfff":1}', b'{"a":1e999}', b'{"a":NaN}',
        b'{"a":-Infinity}', b'{"a":01}', b'{"a":+1}', b'{"a":1,}', b'{"a":1}{"b":2}', b'{"a":"\t"}',
    ],
)  # fmt: skip
def test_refuses(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any reason will do: the verdict is invalid_json
        parse_json(raw)


@pytest.mark.parametrize(("opening", "core", "closing"), [("[", "1", "]"), ('{"a":', "[]", "}"), ("[", '"[["', "]")])
def test_limits_the_depth_of_what_holds_something(opening: str, core: str, closing: str) -> None:
    def nested(depth: int) -> bytes:
        return (opening * depth + core + closing * depth).encode()

    parse_json(nested(MAX_DEPTH))
    with pytest.raises(ValueError, match="deep"):
        parse_json(nested(MAX_DEPTH + 1))
