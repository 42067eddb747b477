"""Python and the engine give every message the same verdict, with the same values, reason, field and detail."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import MAX_MESSAGE_BYTES, STREAMS, Stream
from headwater.core.reference import example_message
from headwater.core.verdict import Accepted, Heartbeat, Rejected, judge
from tests.contract.chain import Verdict, engine_verdicts
from tests.contract.mutations import KAFKA_TIME, messages

SEED = int(os.environ.get("HEADWATER_TEST_SEED", "20260301"))
_AT_ONCE = 20_000


@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
def test_python_and_engine_agree_on_mutated_messages(stream: Stream, contract_engine: ClickHouse) -> None:
    seen = _compare(stream, contract_engine, SEED, 4_000)
    missing = {"accepted", "heartbeat", *_reasons(stream)} - seen.keys()
    assert not missing, f"the mutations of seed {SEED} never produce {missing}: they prove nothing about it"


@pytest.mark.long
@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
def test_python_and_engine_agree_on_many_mutated_messages(stream: Stream, contract_engine: ClickHouse) -> None:
    for seed in range(SEED + 1, SEED + 7):
        _compare(stream, contract_engine, seed, _AT_ONCE)


@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
def test_python_and_engine_agree_on_strings_of_a_megabyte(stream: Stream, contract_engine: ClickHouse) -> None:
    usual = example_message(stream).encode()
    empty = len(_with_unknown(usual, ""))
    raws = [_with_unknown(usual, "x" * (MAX_MESSAGE_BYTES - empty + more)) for more in (0, 1)]
    raws += [
        _with_unknown(usual, piece * (900_000 // len(piece.encode())))
        for piece in ("é", r"\u0041", r"\"", "[", ":", r"\ud800")
    ]
    for field in stream.fields:
        raws.append(json.dumps({**json.loads(usual), field.name: "7" * 900_000}).encode())
    raws += [usual.replace(b"{", b'{"' + b"k" * 900_000 + b'":1,', 1), b'"' * 900_000, b"\xff" * 900_000]
    in_engine = engine_verdicts(contract_engine, stream, raws, KAFKA_TIME)
    in_python: list[Verdict] = [judge(stream, raw, KAFKA_TIME) for raw in raws]
    _assert_equal(stream, 0, raws, in_python, in_engine)
    assert [_kind(verdict) for verdict in in_python[:3]] == ["accepted", "too_large", "accepted"]


@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
def test_python_and_engine_agree_on_every_way_to_write_a_value(stream: Stream, contract_engine: ClickHouse) -> None:
    """The engine tells some values by the characters behind their names."""
    usual = json.loads(example_message(stream))
    values = ["true", "false", "null", "0", "1", "1.0", "-1", "7", "[]", "{}", "[true]", '""', '"true"', '"false"',
              '"null"', '"1"', '"t"', '"[x"', '"{"', '"-"', '"77.5e1"', '"x"', r'"\u0074rue"', "tru", '"']  # fmt: skip
    raws = []
    for field in stream.fields:
        others = json.dumps({name: value for name, value in usual.items() if name != field.name})[1:-1]
        for name in (field.name, f"\\u{ord(field.name[0]):04x}{field.name[1:]}"):
            for gap in ("", " ", "  ", "\n"):
                for value in values:
                    pair = f'"{name}":{gap}{value}'
                    raws += [f"{{{pair}, {others}}}".encode(), f"{{{others}, {pair}}}".encode()]
    in_engine = engine_verdicts(contract_engine, stream, raws, KAFKA_TIME)
    _assert_equal(stream, 0, raws, [judge(stream, raw, KAFKA_TIME) for raw in raws], in_engine)


def _with_unknown(usual: bytes, value: str) -> bytes:
    return usual.replace(b"{", f'{{"unknown":"{value}",'.encode(), 1)


def _compare(stream: Stream, engine: ClickHouse, seed: int, count: int) -> Counter[str]:
    raws = list(messages(stream, seed, count))
    in_engine = engine_verdicts(engine, stream, raws, KAFKA_TIME)
    in_python: list[Verdict] = [judge(stream, raw, KAFKA_TIME) for raw in raws]
    _assert_equal(stream, seed, raws, in_python, in_engine)
    return Counter(_kind(verdict) for verdict in in_python)


def _assert_equal(
    stream: Stream, seed: int, raws: Sequence[bytes], expected: Sequence[Verdict], got: Sequence[Sequence[Verdict]]
) -> None:
    different = [
        f"{raw[:500]!r} ({len(raw)} bytes)\n    Python: {one}\n    engine: {all_}"
        for raw, one, all_ in zip(raws, expected, got, strict=True)
        if [one] != list(all_)
    ]
    assert not different, f"{len(different)} messages of {stream.name}, seed {seed}:\n" + "\n".join(different[:5])


def _kind(verdict: Verdict) -> str:
    match verdict:
        case Accepted():
            return "accepted"
        case Rejected():
            return verdict.reason.value
        case Heartbeat():
            return "heartbeat"


def _reasons(stream: Stream) -> set[str]:
    """Reasons that small messages of the stream can be rejected for."""
    kinds = {field.column.kind for field in stream.fields}
    never = {RejectReason.TOO_LARGE}
    if "number" not in kinds:
        never.add(RejectReason.OUT_OF_RANGE)
    if "time" not in kinds:
        never.add(RejectReason.IMPLAUSIBLE_TIME)
    return {reason.value for reason in RejectReason if reason not in never}
