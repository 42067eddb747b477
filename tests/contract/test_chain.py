"""One insert into a landing table: once in every target under its token, in few parts, whatever the messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.contracts.streams import HEARTBEAT_FIELD, STREAMS, Stream
from headwater.core.ranges import Batch, Claim, Message
from headwater.core.reference import example_message
from tests.contract.mutations import KAFKA_TIME

STREAM = pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)


def _claimed(stream: Stream) -> tuple[Claim, Batch]:
    usual = json.dumps(json.loads(example_message(stream))).encode()
    with_unknown = usual.replace(b"{", b'{"unknown": 1,', 1)
    heartbeat = f'{{"{HEARTBEAT_FIELD}": "probe-1", "sent_at": "2026-03-01T11:59:59.500Z"}}'.encode()
    raws = [usual, with_unknown, b"broken", b"[]", heartbeat, usual]
    count, epoch = len(raws), uuid4()
    time_ms = int(KAFKA_TIME.timestamp() * 1000)
    messages = [Message(10 + n, raw, time_ms, "file.jsonl", n + 1) for n, raw in enumerate(raws)]
    batch = Batch.of(stream.topic, epoch, 2, 10, 10 + count, messages)
    now = datetime.now(UTC).replace(microsecond=0)
    return Claim(stream.topic, epoch, 2, 10, 10 + count, count, 0, uuid4(), now, stream.version, "test"), batch


@STREAM
def test_messages_are_routed_and_a_repeated_insert_adds_nothing(stream: Stream, contract_engine: ClickHouse) -> None:
    ledger = ClickHouseLedger(contract_engine)
    claim, batch = _claimed(stream)
    for _ in range(2):
        ledger.store(stream.name, [claim], lambda: [batch], 0)
        (found,) = ledger.find(stream.name, [claim])
        assert (found.staged, found.dead_letters, found.heartbeats, found.distinct_offsets) == (3, 2, 1, 6)


@STREAM
def test_a_later_generation_adds_what_is_missing(stream: Stream, contract_engine: ClickHouse) -> None:
    ledger = ClickHouseLedger(contract_engine)
    claim, batch = _claimed(stream)
    ledger.store(stream.name, [claim], lambda: [batch.without([12, 13, 14, 15])], 0)
    assert sorted(ledger.present(stream.name, claim)) == [10, 11]
    ledger.store(stream.name, [claim], lambda: [batch.without([10, 11])], 1)
    assert sorted(ledger.present(stream.name, claim)) == [10, 11, 12, 13, 14, 15]


@STREAM
def test_one_insert_makes_a_part_of_what_is_plainly_valid_and_one_for_each_verdict(
    stream: Stream, contract_engine: ClickHouse
) -> None:
    claim, batch = _claimed(stream)
    ClickHouseLedger(contract_engine).store(stream.name, [claim], lambda: [batch], 0)
    for table in (stream.staging_table, "ops.dead_letters", "ops.freshness"):
        rows = contract_engine.query(
            f"SELECT DISTINCT _part FROM {table} WHERE epoch = {{epoch:UUID}}", {"epoch": claim.epoch}
        )
        # What was looked at closely is staged apart.
        parts = 2 if table == stream.staging_table else 1
        assert len(rows) == parts, f"{table}: {[row['_part'] for row in rows]}"


def test_position_and_origin_stay_with_the_message(contract_engine: ClickHouse) -> None:
    stream = STREAMS["geo"]
    claim, batch = _claimed(stream)
    ClickHouseLedger(contract_engine).store(stream.name, [claim], lambda: [batch], 0)
    dead = contract_engine.query(
        "SELECT raw, stream, topic, partition, offset, origin, origin_line FROM ops.dead_letters "
        "WHERE epoch = {epoch:UUID} ORDER BY offset LIMIT 1",
        {"epoch": claim.epoch},
    )
    assert dead == [
        {
            "raw": "broken", "stream": "geo", "topic": "geo_events", "partition": 2, "offset": 12,
            "origin": "file.jsonl", "origin_line": 3,
        }
    ]  # fmt: skip
    beat = contract_engine.query(
        "SELECT heartbeat, sent_at FROM ops.freshness WHERE epoch = {epoch:UUID}", {"epoch": claim.epoch}
    )
    assert [(row["heartbeat"], row["sent_at"].isoformat()[:23]) for row in beat] == [
        ("probe-1", "2026-03-01T11:59:59.500")
    ]
