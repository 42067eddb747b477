"""The example files get the verdict that their folder says, in Python and in the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import MAX_MESSAGE_BYTES, STREAMS, Stream
from headwater.core.verdict import Accepted, Rejected, judge
from tests.contract.chain import engine_verdicts
from tests.contract.mutations import KAFKA_TIME

FOLDER = Path(__file__).parent / "examples"
_ABOUT_THE_WHOLE = {RejectReason.TOO_LARGE, RejectReason.INVALID_JSON, RejectReason.NOT_AN_OBJECT}


@dataclass(frozen=True, slots=True)
class Example:
    """One file; `reason` is None for valid messages."""

    path: Path
    reason: RejectReason | None

    @property
    def name(self) -> str:
        """Path below the folder of examples."""
        return str(self.path.relative_to(FOLDER))

    @property
    def raw(self) -> bytes:
        """The message."""
        raw = self.path.read_bytes()
        return raw.ljust(MAX_MESSAGE_BYTES + 1) if self.reason is RejectReason.TOO_LARGE else raw

    @property
    def field(self) -> str:
        """The offending field."""
        return "" if self.reason is None or self.reason in _ABOUT_THE_WHOLE else self.path.stem.split("-")[0]


def _examples(stream: Stream) -> Iterator[Example]:
    for folder in sorted((FOLDER / stream.name).iterdir()):
        reason = None if folder.name == "valid" else RejectReason(folder.name)
        for path in sorted(folder.glob("*.json")):
            yield Example(path, reason)


EXAMPLES = {stream.name: list(_examples(stream)) for stream in STREAMS.values()}
ALL = [(STREAMS[name], example) for name, examples in EXAMPLES.items() for example in examples]


@pytest.mark.parametrize(("stream", "example"), ALL, ids=lambda value: getattr(value, "name", ""))
def test_python_gives_the_verdict_of_the_folder(stream: Stream, example: Example) -> None:
    verdict = judge(stream, example.raw, KAFKA_TIME)
    if example.reason is None:
        assert isinstance(verdict, Accepted), f"{example.name} is rejected: {verdict}"
    else:
        assert isinstance(verdict, Rejected), f"{example.name} is accepted"
        assert (verdict.reason, verdict.field) == (example.reason, example.field), verdict.detail


@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
def test_engine_gives_the_same_verdicts(stream: Stream, contract_engine: ClickHouse) -> None:
    examples = EXAMPLES[stream.name]
    raws = [example.raw for example in examples]
    in_engine = engine_verdicts(contract_engine, stream, raws, KAFKA_TIME)
    different = [
        f"{example.name}: Python {expected}, engine {got}"
        for example, raw, got in zip(examples, raws, in_engine, strict=True)
        if got != [expected := judge(stream, raw, KAFKA_TIME)]
    ]
    assert not different, "\n".join(different)


@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
def test_every_reason_that_can_apply_has_an_example(stream: Stream) -> None:
    kinds = {field.column.kind for field in stream.fields}
    applicable = set(RejectReason)
    applicable -= set() if kinds & {"number", "integer"} else {RejectReason.OUT_OF_RANGE}
    applicable -= set() if "time" in kinds else {RejectReason.IMPLAUSIBLE_TIME}
    given = {example.reason for example in EXAMPLES[stream.name]}
    assert given == {None, *applicable}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
def test_every_required_field_has_examples_of_its_absence(stream: Stream) -> None:
    fields = [example.field for example in EXAMPLES[stream.name] if example.reason is RejectReason.MISSING_FIELD]
    assert set(fields) == {field.name for field in stream.fields if field.required}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("all-fields", "2026-01-31T23:59:59.123456"),
        ("time-t", "2026-01-31T23:59:59"),
        ("time-z", "2026-01-31T23:59:59.500000"),
        ("time-offset", "2026-01-31T23:59:59.123456"),
        ("time-one-digit", "2026-01-31T23:59:59.100000"),
    ],
)
def test_times_become_utc(name: str, expected: str) -> None:
    assert _row("browser", name)["event_timestamp"] == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_empty_null_and_absent_are_the_same() -> None:
    for stream, empty in (("device", {"os": "", "device_is_mobile": None}), ("geo", {"geo_latitude": None})):
        for name in ("required-fields-only", "optional-fields-null", "optional-fields-empty"):
            row = _row(stream, name)
            assert {field: row[field] for field in empty} == empty, f"{stream}/{name}"


def test_unknown_fields_are_counted() -> None:
    verdict = judge(STREAMS["geo"], _raw("geo", "unknown-fields"), KAFKA_TIME)
    assert isinstance(verdict, Accepted)
    assert verdict.unknown_fields == 5


def _raw(stream: str, name: str) -> bytes:
    return (FOLDER / stream / "valid" / f"{name}.json").read_bytes()


def _row(stream: str, name: str) -> dict[str, object]:
    verdict = judge(STREAMS[stream], _raw(stream, name), KAFKA_TIME)
    assert isinstance(verdict, Accepted), verdict
    return verdict.row


def test_examples_lie_in_folders_of_streams_only() -> None:
    folders: Sequence[str] = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
    assert folders == sorted(STREAMS)
