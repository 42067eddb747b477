"""The committed reference, schemas and migration say what the contract says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from headwater.contracts.json_schema import json_schema
from headwater.contracts.rejects import HELP, RejectReason
from headwater.contracts.streams import STREAMS, Stream
from headwater.core.reference import example_message, reference_files
from headwater.core.strict_json import parse_json
from headwater.core.verdict import Accepted, judge
from tests.contract.mutations import KAFKA_TIME, messages

ROOT = Path(__file__).resolve().parents[2]
STREAM = pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)


def test_committed_reference_is_the_generated_one() -> None:
    folder = ROOT / "docs" / "reference"
    generated = reference_files()
    stale = [name for name, text in generated.items() if (folder / name).read_text(encoding="utf-8") != text]
    assert not stale, f"Run `headwater reference` and commit {stale}."
    left_over = {f"schemas/{path.name}" for path in (folder / "schemas").iterdir()} - generated.keys()
    assert not left_over, f"Remove {left_over}: no stream has that name."


def test_every_reason_is_explained() -> None:
    assert set(HELP) == set(RejectReason)


@STREAM
def test_example_of_the_reference_is_accepted(stream: Stream) -> None:
    assert isinstance(judge(stream, example_message(stream).encode(), KAFKA_TIME), Accepted)


@STREAM
def test_schema_accepts_whatever_the_contract_accepts(stream: Stream) -> None:
    schema = json_schema(stream)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    accepted = [raw for raw in messages(stream, 7, 1_000) if isinstance(judge(stream, raw, KAFKA_TIME), Accepted)]
    assert len(accepted) > 100
    refused = [raw for raw in accepted if not validator.is_valid(_without_depth(raw))]
    assert not refused, refused[:3]


@STREAM
def test_schema_refuses_messages_without_a_required_field_or_with_another_type(stream: Stream) -> None:
    validator = Draft202012Validator(json_schema(stream))
    folder = Path(__file__).parent / "examples" / stream.name
    paths = [*folder.glob("missing_field/*.json"), *folder.glob("wrong_type/*.json"), *folder.glob("not_an_object/*")]
    beyond_a_schema = {"event_timestamp-no-such-day", "geo_latitude-infinite", "geo_longitude-infinite"}
    passed = [
        path.name
        for path in paths
        if path.stem not in beyond_a_schema and validator.is_valid(json.loads(path.read_text(encoding="utf-8")))
    ]
    assert not passed


def _without_depth(raw: bytes) -> object:
    """The message without fields that the contract does not name: the schema says nothing about them."""
    known = {field.name for stream in STREAMS.values() for field in stream.fields}
    return {name: value for name, value in parse_json(raw).items() if name in known}
