"""Stage events in the real engine by the real ingestion, from topics in memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.memory import FixedClock, MemoryLog
from headwater.app.build import Build, BuildLimits, Built
from headwater.app.dimensions import update_dimension
from headwater.app.storing import Storer
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.ranges import Held

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
        self._storers: dict[str, Storer] = {}
        self._at: dict[tuple[str, int], int] = {}
        for topic in load_topics(TOPICS):
            self.log.ensure(topic.model_copy(update={"partitions": partitions}))

    def send(self, stream: str, *events: bytes, origin: str = "") -> None:
        """Put events into the topic of a stream and store them: what a drain does, without asking each time where it is."""
        self.put(stream, events, origin)
        topic = STREAMS[stream].topic
        storer = self._storer(stream)
        for partition, marks in self.log.watermarks(topic).items():
            at = self._at.get((topic, partition), -1)
            if at < 0:
                at = storer.resume([partition])[partition]
            while at < marks.end:
                (done,) = storer.store(Held([self.log.read_range(topic, partition, at, marks.end)]))
                at = done.to_offset
            self._at[topic, partition] = at

    def _storer(self, stream: str) -> Storer:
        if stream not in self._storers:
            self._storers[stream] = Storer(STREAMS[stream], self.log, self.ledger, self.clock)
        return self._storers[stream]

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
