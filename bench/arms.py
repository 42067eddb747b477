"""The ways of loading that `bench/ingest.py` compares; each runs in a process of its own and prints what it used.

`python -m bench.arms NAME` reads its settings as JSON from stdin. Imports and connections come before the clock.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import clickhouse_connect
from confluent_kafka import Consumer, TopicPartition

from bench.measure import own_use
from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.app.ingest import Ingest
from headwater.app.room import Room
from headwater.contracts.streams import STREAMS
from headwater.ports import FlushLimits

Settings = Mapping[str, Any]
_PLAIN = {"async_insert": 0}
_CONSUME = 500


def headwater(given: Settings) -> Callable[[], None]:
    """The engine: claims, validation, dead letters, tokens, counts."""
    database = ClickHouse(given["writer_url"])
    database.query("SELECT 1")
    ledger = ClickHouseLedger(database)
    log, clock, room = KafkaLog(given["bootstrap"]), SystemClock(), Room()

    def drain() -> None:
        with ThreadPoolExecutor(len(given["streams"])) as pool:
            engines = [Ingest(STREAMS[name], log, ledger, clock, room=room) for name in given["streams"]]
            for done in [pool.submit(engine.drain, FlushLimits()) for engine in engines]:
                done.result()

    return drain


def limit(given: Settings) -> Callable[[], None]:
    """The same bytes from a file, as `JSONEachRow`, in inserts of 250,000 rows; where to cut is known before."""
    client = _client(given)

    def load() -> None:
        with open(given["file"], "rb") as file:  # noqa: PTH123
            for size in given["cuts"]:
                _insert(client, given["table"], file.read(size))

    return load


def bare(given: Settings) -> Callable[[], None]:
    """A consumer without any guarantee: raw bytes as they come, `JSONEachRow`, inserts of 250,000 rows."""
    client = _client(given)

    def load() -> None:
        held: list[bytes] = []
        for values in _values(given):
            held.extend(values)
            if len(held) >= given["rows"]:
                _insert(client, given["table"], b"\n".join(held))
                held.clear()
        if held:
            _insert(client, given["table"], b"\n".join(held))

    return load


def usual(given: Settings) -> Callable[[], None]:
    """What people usually write: `json.loads` for each message, inserts of 1,000 rows by clickhouse-connect."""
    client = _client(given)
    names = [field.name for field in STREAMS["browser"].fields]

    def load() -> None:
        rows: list[list[Any]] = []
        for values in _values(given):
            for value in values:
                event = json.loads(value)
                event["event_id"], event["click_id"] = UUID(event["event_id"]), UUID(event["click_id"])
                event["event_timestamp"] = datetime.fromisoformat(event["event_timestamp"] + "+00:00")
                rows.append([event[name] for name in names])
                if len(rows) == 1_000:
                    client.insert(given["table"], rows, column_names=names, settings=_PLAIN)
                    rows.clear()
        if rows:
            client.insert(given["table"], rows, column_names=names, settings=_PLAIN)

    return load


def _client(given: Settings) -> Any:
    return clickhouse_connect.get_client(dsn=given["owner_url"], autogenerate_session_id=False)


def _insert(client: Any, table: str, body: bytes) -> None:
    client.raw_insert(table, insert_block=body, fmt="JSONEachRow", settings=_PLAIN)


def _values(given: Settings) -> Iterator[list[bytes]]:
    """Message values in the order in which they come, until every partition was read to its end."""
    consumer = Consumer(
        {"bootstrap.servers": given["bootstrap"], "group.id": "bench", "enable.auto.commit": False,
         "fetch.message.max.bytes": 1_000_000, "fetch.queue.backoff.ms": 5}
    )  # fmt: skip
    topic, left = given["topic"], sum(given["ends"])
    consumer.assign([TopicPartition(topic, p, 0) for p in range(len(given["ends"]))])
    while left > 0:
        values = [message.value() for message in consumer.consume(min(_CONSUME, left), timeout=1.0)]
        left -= len(values)
        yield [value for value in values if value is not None]
    consumer.close()


ARMS = {arm.__name__: arm for arm in (headwater, limit, bare, usual)}


if __name__ == "__main__":
    work = ARMS[sys.argv[1]](json.load(sys.stdin))
    with own_use() as used:
        work()
    print(json.dumps(asdict(used)))
