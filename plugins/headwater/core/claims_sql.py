"""Queries on the books of claims, written out per partition: the engine skips by its primary key only by constants."""

from __future__ import annotations

from collections.abc import Iterable

from headwater.core.judge_sql import literal
from headwater.core.plans import Position, TakenRange

_COLUMNS = "topic, epoch, partition, from_offset"


def pending_sql(topics: Iterable[str], positions: Iterable[Position]) -> str:
    """One row per stored claim of the topics at or beyond the positions, in the order of its offsets.

    Both books are sorted by topic, epoch, partition and offset, so what is read follows what is new: whole granules
    below a position are left out. A partition without a position is read from its beginning.
    """
    built = (f"{_of(p)} AND from_offset < {p.planned_to}" for p in positions)
    beyond = f"topic IN ({', '.join(map(literal, topics))})" + "".join(f"\n  AND NOT ({each})" for each in built)
    return f"""SELECT s.topic AS topic, s.epoch AS epoch, s.partition AS partition, s.from_offset AS from_offset,
    s.to_offset AS to_offset, s.staged AS staged, c.ingested_at AS ingested_at
FROM (SELECT {_COLUMNS}, to_offset, staged, claim_id FROM ops.stored WHERE {beyond}) AS s
INNER JOIN (SELECT claim_id, ingested_at FROM ops.claims WHERE {beyond}) AS c ON c.claim_id = s.claim_id
ORDER BY {_COLUMNS}
LIMIT 1 BY {_COLUMNS}"""  # noqa: S608 - topics of the contract and numbers from the books


def staged_sql(topic: str, ranges: Iterable[TakenRange]) -> str:
    """One row: the messages of the topic that were staged in the ranges."""
    taken = (
        f"\n  OR ({_of(r)} AND from_offset >= {r.from_offset} AND from_offset < {r.to_offset})"
        for r in ranges
        if r.topic == topic
    )
    return f"SELECT sum(staged) AS staged FROM ops.stored\nWHERE false{''.join(taken)}"  # noqa: S608 - as above


def find_sql(staging: str, ranges: int) -> str:
    """One row per partition with rows in one of so many ranges: how many in every target, how many different offsets.

    Bound are `topic`, `epoch` and for each range `partition_<n>`, `from_<n>` and `to_<n>`; `staging` is the name of the
    topic's table. Of small claims the planning costs more than the reading: hence one aggregation, and nothing left to
    be moved. Offsets are told apart by their last 32 bits, as a claim has far fewer.
    """
    held = " OR ".join(
        f"(partition = {{partition_{n}:UInt32}} AND offset >= {{from_{n}:UInt64}} AND offset < {{to_{n}:UInt64}})"
        for n in range(ranges)
    )
    where = f"PREWHERE epoch = {{epoch:UUID}} AND ({held})"
    return f"""SELECT
    partition,
    countIf(target = 1) AS staged,
    countIf(target = 2) AS dead_letters,
    countIf(target = 3) AS heartbeats,
    groupBitmap(toUInt32(offset)) AS distinct_offsets
FROM
(
    SELECT partition, offset, 1 AS target FROM analytics.{staging} {where}
    UNION ALL
    SELECT partition, offset, 2 FROM ops.dead_letters {where} AND topic = {{topic:String}}
    UNION ALL
    SELECT partition, offset, 3 FROM ops.freshness {where} AND topic = {{topic:String}}
)
GROUP BY partition
SETTINGS max_threads = 1"""  # noqa: S608 - the table of a contract


def _of(place: Position | TakenRange) -> str:
    epoch, partition = place.epoch, place.partition
    return f"topic = {literal(place.topic)} AND epoch = toUUID('{epoch}') AND partition = {partition}"
