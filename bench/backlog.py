"""Staged events made by the engine itself, with their claims, as many as a benchmark of the build asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from headwater.adapters.clickhouse import ClickHouse
from headwater.contracts.streams import FACT_STREAMS, Stream

_ROWS_PER_CLAIM = 400_000
_SQL = Path(__file__).with_name("stage")


@dataclass
class Backlog:
    """Puts events into staging with claims that are stored, each event once, one after the other in time."""

    database: ClickHouse
    start: int
    hourly: int
    epoch: UUID
    staged: int = 0

    @classmethod
    def open(cls, database: ClickHouse, start: int, hourly: int) -> Backlog:
        """Events from `start` (Unix seconds) on, `hourly` of them an hour."""
        return cls(database, start, hourly, uuid4())

    def add(self, events: int) -> None:
        """Stage the next events."""
        while events > 0:
            rows = min(events, _ROWS_PER_CLAIM)
            for stream in FACT_STREAMS.values():
                self._stage(stream, rows)
            self.staged += rows
            events -= rows

    def _stage(self, stream: Stream, rows: int) -> None:
        parameters = {
            "topic": stream.topic, "epoch": str(self.epoch), "from": self.staged, "rows": rows, "start": self.start,
            "hourly": self.hourly, "staging": stream.staging_name,
        }  # fmt: skip
        for name in (stream.name, "claim", "stored"):
            self.database.execute((_SQL / f"{name}.sql").read_text(), parameters=parameters)
