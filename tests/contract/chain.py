"""What the engine makes of messages: one insert into a landing table, and the rows that came out of its views."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.contracts.rejects import RejectReason
from headwater.contracts.streams import Stream
from headwater.core.ranges import Batch, Claim, Message
from headwater.core.verdict import Accepted, Heartbeat, Rejected

Verdict = Accepted | Rejected | Heartbeat


def engine_verdicts(
    clickhouse: ClickHouse, stream: Stream, messages: Sequence[bytes], kafka_time: datetime
) -> list[list[Verdict]]:
    """For every message all verdicts that the chain wrote down: exactly one, when all is well."""
    epoch, count = uuid4(), len(messages)
    time_ms = int(kafka_time.timestamp() * 1000)
    rows = [Message(offset, raw, time_ms) for offset, raw in enumerate(messages)]
    batch = Batch.of(stream.topic, epoch, 0, 0, count, rows)
    claim = Claim(stream.topic, epoch, 0, 0, count, count, 0, uuid4(), _now(), stream.version, "test")
    ClickHouseLedger(clickhouse).store(stream.name, [claim], lambda: [batch], 0)
    found: defaultdict[int, list[Verdict]] = defaultdict(list)
    names = [field.name for field in stream.fields]
    for row in _rows(clickhouse, stream.staging_table, [*names, "unknown_fields"], epoch):
        found[row["offset"]].append(Accepted({name: _value(row[name]) for name in names}, row["unknown_fields"]))
    for row in _rows(clickhouse, "ops.dead_letters", ["raw", "reason", "field", "detail"], epoch):
        found[row["offset"]].append(Rejected(RejectReason(row["reason"]), row["field"], row["detail"]))
    for row in _rows(clickhouse, "ops.freshness", [], epoch):
        found[row["offset"]].append(Heartbeat())
    return [found[offset] for offset in range(count)]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _rows(clickhouse: ClickHouse, table: str, columns: Sequence[str], epoch: UUID) -> Sequence[Any]:
    names = ", ".join(["offset", *columns])
    return clickhouse.query(f"SELECT {names} FROM {table} WHERE epoch = {{epoch:UUID}}", {"epoch": epoch})


def _value(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
