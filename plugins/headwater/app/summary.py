"""What the platform holds now: rows per stage of each stream, the warehouse's tables, the checks' latest verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from headwater.contracts.streams import STREAMS
from headwater.errors import FixSettings
from headwater.ports import Database, EventLog, Row


@dataclass(frozen=True, slots=True)
class StreamRows:
    """Rows of one stream per stage; `in_kafka` is None where the topic does not exist."""

    stream: str
    in_kafka: int | None
    staged: int
    dead_letters: int
    rejects: int
    lost: int


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of one table of the warehouse, with a remark."""

    table: str
    rows: int
    note: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The state of the platform at one moment."""

    streams: Sequence[StreamRows]
    tables: Sequence[TableRows]
    dead_letters: Sequence[Row]
    checks: Sequence[Row]

    def as_mapping(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return {
            "streams": [asdict(row) for row in self.streams],
            "tables": [asdict(row) for row in self.tables],
            "dead_letters": [dict(row) for row in self.dead_letters],
            "checks": [dict(row) for row in self.checks],
        }

    @property
    def failing(self) -> list[str]:
        """Names of the checks of severity `fail` whose latest run found something."""
        return [row["check_name"] for row in self.checks if not row["passed"] and row["severity"] == "fail"]


def summarize(log: EventLog, database: Database) -> Summary:
    """Read the counts of every stage."""
    stages = {row["topic"]: row for row in database.rows("ops/stage_rows")}
    rejects: dict[str, int] = {}
    for row in database.rows("ops/rejects"):
        rejects[row["stream"]] = rejects.get(row["stream"], 0) + int(row["lines"])
    return Summary(
        streams=[
            _stream_rows(name, _in_kafka(log, stream.topic), stages.get(stream.topic, {}), rejects.get(name, 0))
            for name, stream in STREAMS.items()
        ],
        tables=[TableRows(row["table"], int(row["rows"]), row["note"]) for row in database.rows("ops/warehouse_rows")],
        dead_letters=database.rows("ops/dead_letter_reasons"),
        checks=database.rows("ops/latest_quality"),
    )


def _in_kafka(log: EventLog, topic: str) -> int | None:
    try:
        return sum(mark.end for mark in log.watermarks(topic).values())
    except FixSettings:
        return None


def _stream_rows(name: str, in_kafka: int | None, row: Mapping[str, int], rejects: int) -> StreamRows:
    return StreamRows(
        name, in_kafka, int(row.get("staged", 0)), int(row.get("dead_letters", 0)), rejects, int(row.get("lost", 0))
    )
