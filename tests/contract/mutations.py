"""Seeded messages around the contract: valid ones in every spelling, and broken ones of every kind."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from headwater.contracts.streams import HEARTBEAT_FIELD, Field, Stream
from headwater.contracts.types import Kind

KAFKA_TIME = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

_UUID = "6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a001"
_TEXTS = [
    "Chrome", "de_DE", 'Mozilla/5.0 (X11; Linux) "quoted" \\ back', "", " ", 'a":"b', '":', '":null', '": null,"',
    "é😀", "\u0000", "null", "true", "\n\t", "x" * 300, "{}", '{"event_id":1}', "/product_a?x=1&y=%20", "\ufeff",
    "\u2028", ":", '"', "\\", "5",
]  # fmt: skip
_UUIDS = [
    _UUID, _UUID.upper(), _UUID.replace("-", ""), f"{{{_UUID}}}", f"urn:uuid:{_UUID}", _UUID[:-1], f"{_UUID}0",
    f" {_UUID}", f"{_UUID}\n", _UUID.replace("6", "g"), _UUID.replace("-", "_"), _UUID.replace("-", "", 1),
    "00000000-0000-0000-0000-000000000000", "ffffffffffffffffffffffffffffffff", "user-1", "\uff16" + _UUID[1:],
]  # fmt: skip
_TIMES = [
    "2026-01-31 23:59:59", "2026-01-31 23:59:59.1", "2026-01-31 23:59:59.123456", "2026-01-31 23:59:59.1234567",
    "2026-01-31T23:59:59", "2026-01-31T23:59:59Z", "2026-01-31T23:59:59.5Z", "2026-01-31T23:59:59.123456+05:30",
    "2026-01-31 23:59:59-0800", "2026-01-31 23:59:59+23:59", "2026-01-31 23:59:59.5-23:59", "2026-01-31 23:59:59+24:00",
    "2026-02-28 00:00:00", "2026-02-29 00:00:00", "2024-02-29 00:00:00", "2026-02-30T00:00:00Z", "2026-04-31 00:00:00",
    "2026-13-01 00:00:00", "2026-00-01 00:00:00", "2026-01-00 00:00:00", "2026-01-01 24:00:00", "2026-01-01 23:60:00",
    "2026-01-01 23:59:60", "1999-12-31 23:59:59.999999", "2000-01-01 00:00:00", "2000-01-01T00:00:00+00:01",
    "1999-12-31T23:59:59-00:01", "1969-12-31 00:00:00", "1970-01-01 00:00:00", "0001-01-01 00:00:00",
    "1900-02-29 00:00:00", "2100-02-29 00:00:00", "2298-12-31 23:59:59-23:59", "2299-01-01 00:00:00",
    "9999-12-31 23:59:59", "2026-03-02 12:00:00", "2026-03-02 12:00:00.000001", "2026-03-02T12:00:00.000001Z",
    "2026-03-02T14:00:00+02:00", "2026-03-02T14:00:00.000001+02:00", "2026-03-02 11:59:59.999999", "2026-01-31",
    "2026-01-31 23:59", "2026-1-31 23:59:59", " 2026-01-31 23:59:59", "2026-01-31 23:59:59 ", "2026-01-31 23:59:59.",
    "2026-01-31 23:59:59.Z", "2026-01-31  23:59:59", "2026/01/31 23:59:59", "1769904000", "1769904000.123", "now",
    "2026-01-31t23:59:59z", "2026-01-31 23:59:59\n", "\uff12026-01-31 23:59:59", "2026-01-31 23:59:59 UTC", "today",
    "2026-01-31 23:59:59.12345 ", "2026-01-31 23:59:59+0530", "2026-01-31 23:59:59.123456-05:30",
]  # fmt: skip
_NUMBERS = [
    "50.43", "-122.08421", "0", "-0", "+5", "5.", ".5", "90", "90.000001", "-90", "180", "180.1", "-180.00000000000001",
    "1e1", "1E-2", "1e999", "-1e999", "nan", "NaN", "inf", "-Infinity",
    "0x10", "1_0", " 5", "5 ", "5,5", "1e", "--5", "",
    "89.99999999999999", "1" * 15, "1" * 16, "1." + "0" * 17, "1." + "0" * 18, "5.0000000000000001", "1e400", "5\n",
]  # fmt: skip
_WHOLES: list[Any] = [
    0, -0.0, -1, 5.0, 5.5, 2**32 - 1, 2**32, 2**32 + 0.5, 4294967295.0, 1e2, 1e9, 1e10, 1e12, 1e20, 2**53, 10_413_792_000,
    10_413_792_001, "5", "", 1e-9, 0.1 + 0.2, 1e300, 12, 999_999_999_999, 1_000_000_000_000,
]  # fmt: skip
_OTHER: list[Any] = [
    None, True, False, 0, 1, -1, 5.5, 90, 90.5, -180, 1e300, 2**53 + 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**31,
    12345678901234567890123456789012, 10**400, [], {}, [[]], ["x"], {"event_id": _UUID}, [None], "", {"": ""}, -0.0,
    1e-320, 0.1 + 0.2, -179.99999999999997,
]  # fmt: skip
_NAMES = [
    "unknown", "Event_id", "event_id ", "", 'a"b', 'os":true', "\u00e9", "x" * 200, "headwater", "device_is_mobile2",
    "model_config", "__class__", "event\u0000id", '":"',
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """A piece of JSON that is written as it stands."""

    text: str


def messages(stream: Stream, seed: int, count: int) -> Iterator[bytes]:
    """`count` messages of `stream`: the same for the same seed."""
    rng = random.Random(f"{seed}:{stream.name}")
    for _ in range(count):
        pairs = _valid(stream, rng)
        for _ in range(rng.choices([0, 1, 2, 3], [20, 60, 15, 5])[0]):
            rng.choice(_CHANGES)(stream, pairs, rng)
        raw = _spell(pairs, rng)
        for _ in range(rng.choices([0, 1, 2], [80, 15, 5])[0]):
            raw = rng.choice(_DAMAGES)(raw, rng)
        yield raw


_Pairs = list[tuple[str, Any]]


def valid_value(field: Field, rng: random.Random) -> Any:
    """A value that the contract accepts for `field`, in one of its spellings."""
    match field.column.kind:
        case Kind.UUID:
            return str(UUID(int=rng.getrandbits(128), version=4))
        case Kind.TIME:
            fraction = rng.choice(["", f".{rng.randrange(10**6):06}", f".{rng.randrange(1000):03}"])
            return f"2026-02-{rng.randrange(1, 29):02} {rng.randrange(24):02}:{rng.randrange(60):02}:07{fraction}"
        case Kind.FLAG:
            return rng.choice([True, False])
        case Kind.NUMBER:
            number = rng.uniform(field.column.lowest, field.column.highest)
            return rng.choice([f"{number:.4f}", f"{number:.4f}", repr(number), number, int(number)])
        case Kind.INTEGER:
            whole = rng.randint(int(field.column.lowest), int(field.column.highest))
            return rng.choice([whole, whole, rng.choice([0, 1, int(field.column.highest)]), float(whole)])
    return rng.choice(["Chrome", "Mobile", "/home", "en_US"])


def _valid(stream: Stream, rng: random.Random) -> _Pairs:
    nulls = rng.choice([0, 0, 0.3])
    return [
        (field.name, None if not field.required and rng.random() < nulls else valid_value(field, rng))
        for field in stream.fields
        if field.required or rng.random() < 0.9
    ]


def _odd_value(field: Field, rng: random.Random) -> Any:
    own = {Kind.UUID: _UUIDS, Kind.TIME: _TIMES, Kind.NUMBER: _NUMBERS, Kind.TEXT: _TEXTS, Kind.INTEGER: _WHOLES}.get(
        field.column.kind
    )
    return rng.choice(own) if own and rng.random() < 0.6 else rng.choice([*_OTHER, *_TEXTS])


def _replace(stream: Stream, pairs: _Pairs, rng: random.Random) -> None:
    if not pairs:
        return
    index = rng.randrange(len(pairs))
    fields = {field.name: field for field in stream.fields}
    name = pairs[index][0]
    pairs[index] = (name, _odd_value(fields.get(name, stream.fields[0]), rng))


def _remove(_stream: Stream, pairs: _Pairs, rng: random.Random) -> None:
    if pairs:
        pairs.pop(rng.randrange(len(pairs)))


def _add_unknown(_stream: Stream, pairs: _Pairs, rng: random.Random) -> None:
    for _ in range(rng.choice([1, 1, 2, 5])):
        value = rng.choice([*_OTHER, *_TEXTS, {"event_id": 5, "click_id": [_UUID]}])
        pairs.insert(rng.randrange(len(pairs) + 1), (rng.choice(_NAMES), value))


def _repeat(stream: Stream, pairs: _Pairs, rng: random.Random) -> None:
    if pairs:
        field = rng.choice(stream.fields)
        value = rng.choice([_odd_value(field, rng), valid_value(field, rng)])
        pairs.insert(rng.randrange(len(pairs) + 1), (field.name, value))


def _shuffle(_stream: Stream, pairs: _Pairs, rng: random.Random) -> None:
    rng.shuffle(pairs)


def _heartbeat(_stream: Stream, pairs: _Pairs, rng: random.Random) -> None:
    if rng.random() < 0.2:
        pairs.append((HEARTBEAT_FIELD, rng.choice(["1", None, True, {}])))


def _nest(_stream: Stream, pairs: _Pairs, rng: random.Random) -> None:
    depth = rng.choice([3, 50, 1021, 1022, 1023, 1024, 1500])
    opening, closing = rng.choice([("[", "]"), ('{"a":', "}")])
    core = rng.choice(["1", "[]", "{}", "[ ]", '"["'])
    pairs.append(
        (rng.choice(["deep", pairs[0][0] if pairs else "deep"]), Written(opening * depth + core + closing * depth))
    )


def _odd_number(_stream: Stream, pairs: _Pairs, rng: random.Random) -> None:
    spelled = [
        "1e5", "1E+2", "-0", "-0.0", "1e999", "1e-999", "01", "1.", ".5", "+1", "NaN", "-Infinity", "9" * 25, "0x1",
        "0." + "1" * 400, "1" + "0" * 308, "1" + "0" * 309 + ".0", "4.9e-324", "-", "1e", "123456789.123e-7",
        "18446744073709551616", "-9223372036854775808", "9" * 5000, "nul", "tru", "Null",
    ]  # fmt: skip
    name = rng.choice(pairs)[0] if pairs and rng.random() < 0.5 else "unknown"
    pairs[:] = [pair for pair in pairs if pair[0] != name]
    pairs.append((name, Written(rng.choice(spelled))))


def _odd_string(_stream: Stream, pairs: _Pairs, rng: random.Random) -> None:
    spelled = [r"\ud83d\ude00", r"\ud800", r"\udc00\ud800", r"\u0000", r"\u00", r"\x41", r"\/", r"\u0022\u003a", "\t",
               r"\ud83d\u0041", r"\uD83D\\uDE00", r"\\ud800", "\x7f", "\x1f", r"a\"", "\u2029", r"\u002F"]  # fmt: skip
    name = rng.choice(pairs)[0] if pairs and rng.random() < 0.7 else "unknown"
    pairs[:] = [pair for pair in pairs if pair[0] != name]
    pairs.append((name, Written(f'"{rng.choice(spelled)}"')))


_CHANGES: list[Callable[[Stream, _Pairs, random.Random], None]] = [
    *[_replace] * 8, *[_add_unknown] * 2, _remove, _repeat, _shuffle, _heartbeat, _nest, _odd_number, _odd_string,
]  # fmt: skip


def _spell(pairs: _Pairs, rng: random.Random) -> bytes:
    space = rng.choices(["compact", "python", "wild"], [40, 40, 20])[0]
    ascii_only = rng.random() < 0.7
    escape_more = rng.random() < 0.05

    def gap(usual: str = "") -> str:
        return rng.choice(["", "", " ", "\n", "\t", "\r\n", "  "]) if space == "wild" else usual

    def before_colon() -> str:
        return gap() or (rng.choice(" \t\n\r") if rng.random() < 0.03 else "")

    def text(value: Any, is_key: bool = False) -> str:
        if isinstance(value, Written):
            return value.text
        spelled = json.dumps(value, ensure_ascii=ascii_only)
        if escape_more and (is_key or isinstance(value, str)):
            spelled = "".join(
                f"\\u{ord(c):04x}"
                if c.isalnum() and c.isascii() and not _escaped(spelled, i) and rng.random() < 0.2
                else c
                for i, c in enumerate(spelled)
            )
        return spelled

    colon, comma = (": ", ", ") if space == "python" else (":", ",")
    members = [
        f"{gap()}{text(name, is_key=True)}{before_colon()}{colon}{gap()}{text(value)}{gap()}" for name, value in pairs
    ]
    return f"{gap()}{{{comma.join(members)}}}{gap()}".encode()


def _escaped(text: str, index: int) -> bool:
    """Whether the character belongs to an escape such as `\\n` or `\\u00e9`."""
    return "\\" in text[max(0, index - 5) : index]


def _flip(raw: bytes, rng: random.Random) -> bytes:
    if not raw:
        return raw
    index = rng.randrange(len(raw))
    return raw[:index] + bytes([raw[index] ^ (1 << rng.randrange(8))]) + raw[index + 1 :]


def _cut(raw: bytes, rng: random.Random) -> bytes:
    return raw[: rng.randrange(len(raw) + 1)]


def _drop(raw: bytes, rng: random.Random) -> bytes:
    index = rng.randrange(len(raw) + 1)
    return raw[:index] + raw[index + rng.choice([1, 1, 2, 9]) :]


def _insert(raw: bytes, rng: random.Random) -> bytes:
    pieces = [
        b'"',
        b"\\",
        b"\x00",
        b"\xff",
        b" ",
        b",",
        b":",
        b"{",
        b"}",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\n",
        b'":"',
        b"null",
    ]
    index = rng.choice([0, len(raw), rng.randrange(len(raw) + 1)])
    return raw[:index] + rng.choice([*pieces, bytes([rng.randrange(256)])]) + raw[index:]


def _other_json(raw: bytes, rng: random.Random) -> bytes:
    whole = [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"5",
        b"true",
        b"[" + raw + b"]",
        raw + raw,
        b" ",
        b"9" * 30,
        b"[" * 2000,
    ]
    return rng.choice(whole)


_DAMAGES: list[Callable[[bytes, random.Random], bytes]] = [_flip, _flip, _cut, _drop, _insert, _insert, _other_json]
