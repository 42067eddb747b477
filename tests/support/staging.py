"""Stage events in the real engine by the real ingestion, from topics in memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.memory import FixedClock, MemoryLog
from headwater.app.build import Build, BuildLimits, Built
from headwater.app.dimensions import update_dimension
from headwater.app.ingest import Ingest
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.ports import FlushLimits

TOPICS = Path(__file__).resolve().parents[2] / "kafka" / "topics.yaml"
# The engine's TTLs look at the real clock, so the tests' clock starts there.
START = datetime.now(UTC).replace(microsecond=0)


class Stage:
    """A warehouse with a log in memory and a clock that tests move; each further partition costs queries."""

    def __init__(self, database: ClickHouse, partitions: int = 1) -> None:
        self.db = database
        self.clock = FixedClock(START)
        self.log = MemoryLog(self.clock)
        self.ledger = ClickHouseLedger(database)
        for topic in load_topics(TOPICS):
            self.log.ensure(topic.model_copy(update={"partitions": partitions}))

    def send(self, stream: str, *events: bytes, origin: str = "") -> None:
        """Put events into the topic of a stream and store them."""
        self.put(stream, events, origin)
        Ingest(STREAMS[stream], self.log, self.ledger, self.clock).drain(FlushLimits())

    def put(self, stream: str, events: Iterable[bytes], origin: str = "") -> None:
        """Put events into the topic of a stream only."""
        for line, event in enumerate(events, 1):
            self.log.send(STREAMS[stream].topic, b"k", event, origin, line if origin else 0)

    def build(self, grace_s: int = 900, database: ClickHouse | None = None, rows_per_topic: int = 500_000) -> Built:
        """Carry out plans until nothing is left, and the dimensions after them."""
        limits = BuildLimits(rows_per_topic, grace_s)
        built = Build(database or self.db, self.clock, limits).run()
        for name in ("dim_users", "dim_geo"):
            update_dimension(name, self.db)
        return built

    def count(self, table: str, where: str = "1") -> int:
        """Rows of a table."""
        return int(self.db.query(f"SELECT count() AS n FROM {table} WHERE {where}")[0]["n"])
