"""The engine's tables have the contract's columns, and the topic file has the contract's topics."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.assets import asset
from headwater.contracts.streams import MAX_MESSAGE_BYTES, STREAMS, Stream
from headwater.contracts.topics import load_topics
from headwater.errors import FixSettings

STREAM = pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
_POSITION = [
    ("epoch", "UUID"),
    ("partition", "UInt32"),
    ("offset", "UInt64"),
    ("kafka_time", "DateTime64(3, 'UTC')"),
    ("ingested_at", "DateTime64(3, 'UTC')"),
    ("origin", "LowCardinality(String)"),
    ("origin_line", "UInt64"),
]


@STREAM
def test_staging_has_the_columns_of_the_contract(stream: Stream, contract_engine: ClickHouse) -> None:
    expected = [(field.name, field.column.clickhouse) for field in stream.fields]
    expected += [("unknown_fields", "UInt32"), ("topic", "LowCardinality(String)"), *_POSITION]
    assert _columns(contract_engine, stream.staging_table) == expected


@STREAM
def test_landing_takes_raw_messages_with_their_position(stream: Stream, contract_engine: ClickHouse) -> None:
    assert _columns(contract_engine, f"ops.{stream.name}_landing") == [("raw", "String"), *_POSITION]


def test_targets_remember_enough_tokens(contract_engine: ClickHouse) -> None:
    targets = [*(stream.staging_table for stream in STREAMS.values()), "ops.dead_letters", "ops.freshness"]
    for table in targets:
        shown = contract_engine.query(f"SHOW CREATE TABLE {table}")[0]["statement"]
        assert "non_replicated_deduplication_window = 1000000" in shown, table


def test_topic_file_has_the_topics_of_the_contract() -> None:
    topics = {topic.name: topic for topic in load_topics(asset("kafka/topics.yaml"))}
    missing = {stream.topic for stream in STREAMS.values()} - topics.keys()
    assert not missing, f"Add {missing} to kafka/topics.yaml."
    for stream in STREAMS.values():
        topic = topics[stream.topic]
        assert topic.partitions == 3
        assert topic.config["retention.ms"] == str(7 * 24 * 3600 * 1000)
        assert topic.config["message.timestamp.type"] == "LogAppendTime", "retention would delete loaded history"
        assert int(topic.config["max.message.bytes"]) > MAX_MESSAGE_BYTES, "the engine judges what is too large"


@pytest.mark.parametrize("text", ["topics: [", "topics: {}", "defaults: {partitions: 0}\ntopics: {}", "more: 1"])
def test_broken_topic_file_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(text)
    with pytest.raises(FixSettings, match=r"topics\.yaml"):
        load_topics(path)


def _columns(clickhouse: ClickHouse, table: str) -> list[tuple[str, str]]:
    return [(row["name"], row["type"]) for row in clickhouse.query(f"DESCRIBE TABLE {table}")]
