"""Adding a stream is a contract, a topic entry and a migration: the engine takes one that it has never heard of."""

from __future__ import annotations

import json

import pytest
from pydantic import Field

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.replays import ClickHouseReplays
from headwater.app.heartbeats import Heartbeats
from headwater.app.ingest import Ingest
from headwater.app.lag import consumer_status
from headwater.app.reconcile import reconcile
from headwater.app.replay import Replay
from headwater.contracts.events import Event
from headwater.contracts.streams import STREAMS, Stream
from headwater.contracts.topics import Topic
from headwater.contracts.types import EventId, Label, Unsigned
from headwater.core.parse_sql import create_chain
from headwater.core.replay import Selection
from headwater.ports import FlushLimits
from tests.support.events import an_id
from tests.support.front import Front
from tests.support.staging import Stage

pytestmark = pytest.mark.stack


class ProbeEvent(Event):
    """What a probe in a shelf tells."""

    probe_id: EventId = Field(description="The probe.", examples=["6a0e5e4c-5c2b-4f4e-9d6f-0c5b7ad1a001"])
    shelf: Label = Field("", description="Where it is.", examples=["A7"])
    grams: Unsigned = Field(description="What lies on it.", examples=[12])


PROBE = Stream("probe", ProbeEvent, key_field="probe_id")

# The migration, as that of any stream: its staging table, and the chain that is derived from the contract.
_STAGING = f"""
CREATE TABLE {PROBE.staging_table}
(
    {", ".join(f"{field.name} {field.column.clickhouse}" for field in PROBE.fields)},
    unknown_fields UInt32, topic LowCardinality(String), epoch UUID, partition UInt32, offset UInt64,
    kafka_time DateTime64(3, 'UTC'), ingested_at DateTime64(3, 'UTC'), origin LowCardinality(String), origin_line UInt64
)
ENGINE = MergeTree PARTITION BY toDate(ingested_at) ORDER BY (epoch, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000000
"""


@pytest.fixture
def stage(warehouse: ClickHouse, front: Front, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A warehouse with the new stream."""
    owner = ClickHouse(front.owner_url)
    owner.statements([_STAGING, *create_chain(PROBE)])
    owner.close()
    monkeypatch.setitem(STREAMS, PROBE.name, PROBE)
    made = Stage(warehouse)
    made.log.ensure(Topic(name=PROBE.topic, partitions=1, config={}))
    return made


def test_a_stream_that_the_engine_never_heard_of_is_stored_proved_and_replayed(stage: Stage) -> None:
    good = json.dumps({"probe_id": an_id("p"), "shelf": "A7", "grams": 12}).encode()
    stage.put(PROBE.name, [good, b"no json", good.replace(b"12", b"-1"), good], origin="probe.jsonl")
    Heartbeats([PROBE], stage.log, stage.clock, "me").beat()
    moved = Ingest(PROBE, stage.log, stage.ledger, stage.clock).drain(FlushLimits())
    assert (moved.staged, moved.dead_letters, moved.heartbeats) == (2, 2, 1)
    rows = stage.db.query(f"SELECT shelf, grams, origin_line AS line FROM {PROBE.staging_table} ORDER BY line")
    assert [tuple(row.values()) for row in rows] == [("A7", 12, 1), ("A7", 12, 4)]
    letters = stage.db.query("SELECT reason, field FROM ops.dead_letters WHERE stream = 'probe' ORDER BY offset")
    assert [tuple(row.values()) for row in letters] == [("invalid_json", ""), ("out_of_range", "grams")]
    (books,) = reconcile(PROBE, stage.log, stage.db, stage.clock)
    assert (books.messages, books.lag) == (5, 0)
    (status,) = consumer_status([PROBE], stage.log, stage.db, stage.clock).partitions
    assert (status.position, status.end) == (5, 5)
    replay = Replay(stage.log, ClickHouseReplays(stage.db), stage.clock)
    assert replay.run(Selection(streams=("probe",))).sent == 2
