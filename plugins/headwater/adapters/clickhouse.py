"""ClickHouse behind the ports `Database` and `Ledger`, through its official client."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

import clickhouse_connect
import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from headwater.adapters.arrow_stream import stream_pieces
from headwater.assets import asset
from headwater.contracts.streams import STREAMS
from headwater.core.claims_sql import find_sql
from headwater.core.columns import Column, numbers, repeated_bytes
from headwater.core.flood import CommonReject, Judged
from headwater.core.ranges import MILLISECONDS, Claim, Found, Share, Source, Stored
from headwater.errors import FixSettings, HeadwaterError, Retry, Stop
from headwater.ports import Reject, Row

log_ = logging.getLogger(__name__)

# Everything that exactness needs is pinned: defaults changed in six releases.
EXACT_SETTINGS: Mapping[str, object] = {
    "async_insert": 0,
    "deduplicate_insert": "enable",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "min_insert_block_size_rows": 4_000_000,
    "min_insert_block_size_bytes": 0,
    "max_insert_block_size": 4_000_000,
    "max_block_size": 1_000_000,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 100,
    "insert_deduplicate": 1,
    "materialized_views_ignore_errors": 0,
    "wait_end_of_query": 1,
    "session_timezone": "UTC",
}

# The chain parses in one subquery and looks at the result in the next; merged into one expression, the lazy evaluation
# of conditions would parse twice.
_STORE_SETTINGS: Mapping[str, object] = {"query_plan_merge_expressions": 0}

# Codes of ClickHouse after which the same statement may succeed.
_TRANSIENT = {159, 202, 209, 210, 241, 242, 252, 319, 394, 425, 999}
_AUTH = {192, 193, 194, 497, 516}
_OPENING_S = 3.0
_PATIENCE_S = 60.0
# Times that a row is tried again whose token was logged and whose part a crash took.
_GENERATIONS = 8


class ClickHouse:
    """One server, by its URL with user and password.

    A server that never answered is given up after seconds; one that goes away later is waited for, where the statement
    may be repeated.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: Any = None
        self.repeats = 0
        """Statements that had to be sent again, so that nobody knows what became of the first try."""

    @property
    def _client(self) -> Any:
        if self._opened is None:
            self._opened = _patiently(
                _OPENING_S,
                lambda: clickhouse_connect.get_client(
                    dsn=self._url, autogenerate_session_id=False, send_receive_timeout=900, query_retries=0
                ),
            )
        return self._opened

    def close(self) -> None:
        """Give the connection back; it opens again when it is needed."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def rows(self, name: str, /, **parameters: object) -> Sequence[Row]:
        """Rows of the query in `clickhouse/sql/<name>.sql`."""
        return self.query(load_sql(name), parameters)

    def run(self, name: str, /, token: str | None = None, **parameters: object) -> int:
        """Run the statement in the file; returns the rows it wrote, those of views included."""
        return self.execute(load_sql(name), token, parameters)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Sequence[Row]:
        """Rows of ad-hoc SQL, as mappings from column to value."""
        client = self._client
        result = _patiently(
            _PATIENCE_S, lambda: client.query(sql, parameters=_bound(parameters), settings=_READ_SETTINGS)
        )
        return list(result.named_results())

    def execute(self, sql: str, token: str | None = None, parameters: Mapping[str, object] | None = None) -> int:
        """Run one statement; a statement without a token is not repeated after a doubtful outcome."""
        settings = {**EXACT_SETTINGS, **({"insert_deduplication_token": token} if token else {})}
        call = partial(self._client.command, sql, parameters=_bound(parameters), settings=settings)
        summary = _patiently(_PATIENCE_S, call, self._repeat) if token else _translated(call)
        return int(summary.written_rows) if hasattr(summary, "written_rows") else 0

    def _repeat(self, _state: object) -> None:
        self.repeats += 1

    def statements(self, statements: Iterable[str]) -> None:
        """Run DDL statements in order."""
        for statement in statements:
            self.execute(statement)

    def insert_arrow(self, table: str, columns: Callable[[], Mapping[str, Column]], token: str) -> None:
        """Insert columns of equal length as one block under a token; `columns` is called once for each try.

        What was sent is let go at once: while the server works, its memory is free for what is read next. An error of
        `columns` is not the server's, and ends the tries.
        """
        settings = {**EXACT_SETTINGS, **_STORE_SETTINGS, "insert_deduplication_token": token}
        client = self._client

        def send() -> None:
            names, pieces = _ipc_stream(_given(columns))
            size_bytes = sum(piece.nbytes for piece in pieces)
            client.raw_insert(
                table,
                names,
                _given_away(pieces),
                settings=settings,
                fmt="ArrowStream",
                transport_settings={"Content-Length": str(size_bytes)},
            )

        try:
            _patiently(_PATIENCE_S, send)
        except _NotGivenError as error:
            raise error.reason from None


class _NotGivenError(Exception):
    """What was to be inserted could not be had."""

    def __init__(self, reason: Retry) -> None:
        self.reason = reason


def _given(columns: Callable[[], Mapping[str, Column]]) -> Mapping[str, Column]:
    try:
        return columns()
    except Retry as error:
        raise _NotGivenError(error) from error


def _ipc_stream(columns: Mapping[str, Column]) -> tuple[list[str], deque[memoryview]]:
    return list(columns), deque(stream_pieces(columns))


def _given_away(pieces: deque[memoryview]) -> Iterator[memoryview]:
    while pieces:
        yield pieces.popleft()


# The client asks for whole answers by itself, which costs the server a detour; it tells a broken answer anyway.
_READ_SETTINGS = {"session_timezone": "UTC", "wait_end_of_query": 0}


@cache
def load_sql(name: str) -> str:
    """Text of `clickhouse/sql/<name>.sql`, without a closing semicolon."""
    return asset(f"clickhouse/sql/{name}.sql").read_text().strip().rstrip(";")


class ClickHouseLedger:
    """Claims, landing tables and counts in ClickHouse."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._ch = clickhouse

    def claims(self, topic: str, epoch: UUID) -> Sequence[Claim]:
        """The last claim of every partition."""
        return [_claim(row) for row in self._ch.rows("ingest/last_claims", topic=topic, epoch=epoch)]

    def open_claims(self, topic: str, epoch: UUID) -> Sequence[Claim]:
        """Claims that are not known to be stored."""
        return [_claim(row) for row in self._ch.rows("ingest/open_claims", topic=topic, epoch=epoch)]

    def other_epochs(self, topic: str, epoch: UUID) -> Mapping[UUID, Mapping[int, int]]:
        """Claimed offsets of other topics of this name."""
        found: dict[UUID, dict[int, int]] = {}
        for row in self._ch.rows("ingest/other_epochs", topic=topic, epoch=epoch):
            found.setdefault(row["epoch"], {})[row["partition"]] = row["to_offset"]
        return found

    def propose(self, claim: Claim) -> None:
        """Insert under the token of the start.

        The answer does not tell who won: the engine counts a row as written also where it knew the token.
        """
        self._ch.run(
            "ingest/propose",
            token=claim.claim_token,
            topic=claim.topic,
            epoch=claim.epoch,
            partition=claim.partition,
            from_offset=claim.from_offset,
            to_offset=claim.to_offset,
            messages=claim.messages,
            generation=claim.generation,
            claim_id=claim.claim_id,
            ingested_at=claim.ingested_at,
            contract_version=claim.contract_version,
            member=claim.member,
            together=[astuple(share) for share in claim.together],
        )

    def standing(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """What stands at the starts, of one topic."""
        return [_claim(row) for row in self._ch.rows("ingest/standing", **_starts(claims))]

    def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
        """Insert into the landing table of the stream; its views fill staging, dead letters and heartbeats."""
        claim = claims[0]
        ingested_ms = round(claim.ingested_at.timestamp() * 1000)

        def columns() -> Mapping[str, Column]:
            batches = read()
            rows = sum(map(len, batches))
            partitions = np.repeat(np.array([b.partition for b in batches], np.uint32), [len(b) for b in batches])
            return {
                "raw": _stacked([b.raw for b in batches]),
                "epoch": repeated_bytes(claim.epoch.bytes, rows),
                "partition": numbers(partitions, pa.uint32()),
                "offset": _stacked([b.offsets for b in batches]),
                "kafka_time": _stacked([b.kafka_time for b in batches]),
                "ingested_at": numbers(np.full(rows, ingested_ms, np.int64), MILLISECONDS),
                "origin": _stacked([b.origins for b in batches]),
                "origin_line": _stacked([b.origin_lines for b in batches]),
            }

        self._ch.insert_arrow(f"ops.{stream}_landing", columns, claim.store_token(generation))

    def find(self, stream: str, claims: Sequence[Claim]) -> Sequence[Found]:
        """Count the rows of the ranges in staging, dead letters and heartbeats."""
        bound: dict[str, object] = {"topic": claims[0].topic, "epoch": claims[0].epoch}
        for n, claim in enumerate(claims):
            bound |= {f"partition_{n}": claim.partition, f"from_{n}": claim.from_offset, f"to_{n}": claim.to_offset}
        rows = self._ch.query(find_sql(STREAMS[stream].staging_name, len(claims)), bound)
        found = {row["partition"]: row for row in rows}
        names = ("staged", "dead_letters", "heartbeats", "distinct_offsets")
        return [Found(*(found[c.partition][n] if c.partition in found else 0 for n in names)) for c in claims]

    def present(self, stream: str, claim: Claim) -> Sequence[int]:
        """Offsets of the range that some target holds."""
        return [row["offset"] for row in self._ch.rows("ingest/present", **_range(stream, claim))]

    def mark_stored(self, stored: Sequence[Stored], *, doubtful: bool) -> None:
        """Add the rows that close the claims; where there is a doubt, look whether they stand there."""
        claims = [each.claim for each in stored]
        repeats = self._ch.repeats
        rows = [
            (
                each.claim.partition, each.claim.from_offset, each.claim.to_offset, each.claim.claim_id,
                each.claim.messages, each.found.staged, each.found.dead_letters, each.found.heartbeats, each.lost,
                each.repairs,
            )
            for each in stored
        ]  # fmt: skip
        for generation in range(_GENERATIONS):
            self._ch.run(
                "ingest/mark_stored",
                token=f"stored:{claims[0].work_id}" + (f":{generation}" if generation else ""),
                topic=claims[0].topic,
                epoch=claims[0].epoch,
                claims=rows,
            )
            certain = not doubtful and self._ch.repeats == repeats
            if certain or self.is_stored(claims):
                return
        raise Stop(
            f"{claims[0].describe()}: the books keep no row that closes the claim. Check ClickHouse's disk.",
        )

    def is_stored(self, claims: Sequence[Claim]) -> bool:
        """Whether the rows that close the claims stand."""
        return len(self._ch.rows("ingest/stored_at", **_starts(claims))) == len(claims)

    def judged_before(self, claim: Claim) -> Sequence[Judged]:
        """Stored claims of the partition before this one, in order."""
        rows = self._ch.rows("ingest/judged_before", **_start(claim))
        return [Judged(row["messages"], row["dead_letters"]) for row in reversed(rows)]

    def common_reject(self, claim: Claim) -> CommonReject | None:
        """The reason and field that most dead letters of the range have."""
        rows = self._ch.rows("ingest/common_reject", **_offsets(claim))
        return CommonReject(**rows[0]) if rows else None

    def reject(self, stream: str, rejects: Sequence[Reject]) -> None:
        """Keep refused lines, once for each origin and line."""
        for reject in rejects:
            self._ch.run(
                "ingest/reject",
                token=f"reject:{stream}:{reject.origin}:{reject.line}:{hashlib.sha256(reject.raw).hexdigest()}"
                + (f":{reject.sending}" if reject.sending else ""),
                stream=stream,
                raw_hex=reject.raw.hex(),
                reason=reject.reason,
                detail=reject.detail,
                origin=reject.origin,
                origin_line=reject.line,
                rejected_at=datetime.now(UTC),
            )


def _range(stream: str, claim: Claim) -> dict[str, object]:
    return {"staging": STREAMS[stream].staging_name, **_offsets(claim)}


def _offsets(claim: Claim) -> dict[str, object]:
    return {**_start(claim), "to_offset": claim.to_offset}


def _starts(claims: Sequence[Claim]) -> dict[str, object]:
    starts = [(claim.partition, claim.from_offset) for claim in claims]
    return {"topic": claims[0].topic, "epoch": claims[0].epoch, "starts": starts}


def _stacked(columns: Sequence[Column]) -> Column:
    """Columns of one type, one below the other."""
    if len(columns) == 1:
        return columns[0]
    chunks = [c for column in columns for c in (column.chunks if isinstance(column, pa.ChunkedArray) else [column])]
    return pa.chunked_array(chunks, columns[0].type)


def _start(claim: Claim) -> dict[str, object]:
    return {
        "topic": claim.topic,
        "epoch": claim.epoch,
        "partition": claim.partition,
        "from_offset": claim.from_offset,
    }


def _claim(row: Row) -> Claim:
    values = dict(row)
    values["ingested_at"] = values["ingested_at"].replace(tzinfo=UTC)
    values["together"] = tuple(Share(**share) for share in values["together"])
    return Claim(**values)


def _bound(parameters: Mapping[str, object] | None) -> dict[str, object] | None:
    """Parameters as the server reads them: times as UTC text with their fraction."""
    if not parameters:
        return None
    return {
        name: value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if isinstance(value, datetime) else value
        for name, value in parameters.items()
    }


def _patiently(patience_s: float, call: Any, before_sleep: Any = None) -> Any:
    """The result of `call`, which may be repeated while the server is away, for at most `patience_s`."""
    attempts = Retrying(
        before_sleep=before_sleep,
        retry=retry_if_exception_type(Retry),
        wait=wait_exponential_jitter(multiplier=0.1, max=5),
        stop=stop_after_delay(patience_s),
        reraise=True,
    )
    return attempts(_translated, call)


def _translated(call: Any) -> Any:
    try:
        return call()
    except ClickHouseError as error:
        raise _translate(error) from error


def _translate(error: ClickHouseError) -> HeadwaterError:
    code = getattr(error, "code", None) or _code_in(str(error))
    text = str(error).splitlines()[0][:600]
    if code in _AUTH:
        return FixSettings(f"ClickHouse refused the login or the right: {text}", code=code)
    if code is None and "NewConnectionError" in text:
        place = re.search(r"host='([^']+)', port=(\d+)", text)
        at = f" at {place[1]}:{place[2]}" if place else ""
        return Retry(
            f"ClickHouse{at} does not answer. Start the stack with `headwater up`; `headwater status` shows what runs."
        )
    if code in _TRANSIENT or (code is None and isinstance(error, OperationalError)):
        return Retry(f"ClickHouse did not answer: {text}. Look at `headwater status`.", code=code)
    return Stop(f"ClickHouse refused the statement: {text}", code=code)


def _code_in(text: str) -> int | None:
    match = re.search(r"[Cc]ode:? (\d+)", text)
    return int(match.group(1)) if match else None
