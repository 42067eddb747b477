"""Run one statement on one connection: choose how its answer leaves the engine, and bound what it holds in memory."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace

from headwater.local.front.engine import Connection, Counts, literal
from headwater.local.front.external import ExternalTable
from headwater.local.front.problems import Problem
from headwater.local.front.spool import Spool, Spooled
from headwater.local.front.statement import DataInsert, OwnFile, first_word, split_output, tail_format

# Each block of these is complete in itself, so that the blocks of the engine can be sent one after the other.
_BLOCKWISE = {
    "Native", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "Raw", "CSV", "RowBinary", "Null",
    "JSONEachRow", "JSONLines", "NDJSON", "JSONCompactEachRow", "JSONStringsEachRow", "JSONCompactStringsEachRow",
}  # fmt: skip
# Totals, extremes and brackets around all rows stand outside of the blocks.
NEEDS_WHOLE = re.compile(r"totals|extremes|array_of_rows", re.IGNORECASE)
_WITHOUT_WRITING = {"USE", "SET"}
_FILE_PIECE_BYTES = 1 << 20


@dataclass
class Answer:
    """The result of a statement: its format and the pieces of its body."""

    format: str
    counts: Counts
    pieces: Generator[bytes, None, None]

    def close(self) -> None:
        """Stop reading; a query that still runs is cancelled."""
        self.pieces.close()


@dataclass(frozen=True)
class Job:
    """One statement with what belongs to it; `rows` are the spooled rows of `insert`."""

    sql: str
    default_format: str
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    rows: Spooled | None = None
    insert: DataInsert | None = None
    external: tuple[ExternalTable, ...] = ()

    @property
    def files(self) -> list[Spooled]:
        """Files of the spool that end with the job."""
        return [*([self.rows] if self.rows else []), *(table.rows for table in self.external)]


def run(connection: Connection, job: Job, spool: Spool, *, may_write: bool = True, whole: bool = False) -> Answer:
    """Run the job; the pieces of the answer are read later, on the same connection."""
    if job.insert is not None and job.rows is not None:
        _writing(may_write)
        sql = job.insert.reading(literal(str(job.rows.path)))
        if connection.classify(sql)[1] > 1:
            raise Problem(62, "Syntax error (Multi-statements are not allowed)")
        return _finished(connection, sql, job)
    kind, count = connection.classify(job.sql)
    if count > 1:
        raise Problem(62, "Syntax error (Multi-statements are not allowed)")
    if count == 0:
        connection.canonical(job.sql)
        raise Problem(62, "Syntax error: the statement cannot be parsed")
    if kind != "READ_ONLY":
        _forbid_files(connection, job.sql)
        if first_word(job.sql) not in _WITHOUT_WRITING:
            _writing(may_write)
        return _finished(connection, job.sql, job)
    return _read(connection, job, spool, whole=whole)


def _writing(may_write: bool) -> None:
    if not may_write:
        raise Problem(164, "Cannot execute query in readonly mode. The method GET implies readonly; use POST to modify")


def _forbid_files(connection: Connection, sql: str) -> None:
    lowered = sql.lower()
    if "outfile" not in lowered and "infile" not in lowered:
        return
    text = connection.canonical(sql)
    try:
        split_output(text)
    except OwnFile:
        raise Problem(497, "INTO OUTFILE works in a client, not through HTTP") from None
    if re.search(r"\bFROM INFILE\b", text):
        raise Problem(497, "FROM INFILE works in a client, not through HTTP")


def _finished(connection: Connection, sql: str, job: Job, *, shows: bool = False) -> Answer:
    result = connection.run(sql, job.default_format, job.params)
    counts = Counts()
    counts.add(result)
    body = result.bytes()
    if job.rows is not None:
        counts.read_rows, counts.read_bytes = result.rows_read(), job.rows.size
    counts.result_rows = counts.result_rows if body else 0
    # Only statements with a result name a format in the answer: clients tell by it what kind of answer they hold.
    return Answer(job.default_format if body or shows else "", counts, _once(body))


def _once(body: bytes) -> Generator[bytes, None, None]:
    if body:
        yield body


def _read(connection: Connection, job: Job, spool: Spool, *, whole: bool) -> Answer:
    sql, named = job.sql, tail_format(job.sql)
    lowered = sql.lower()
    if "outfile" in lowered or (named is None and "format" in lowered):
        try:
            _, named = split_output(connection.canonical(sql))
        except OwnFile:
            raise Problem(497, "INTO OUTFILE works in a client, not through HTTP") from None
    chosen = named or job.default_format
    counts = Counts()
    if first_word(sql) not in {"SELECT", "WITH", "(", "FROM"}:
        return _finished(connection, sql, replace(job, default_format=chosen), shows=True)
    if chosen in _BLOCKWISE and not whole and not NEEDS_WHOLE.search(sql):
        return Answer(chosen, counts, _blocks(connection, job, chosen, counts))
    return _through_file(connection, job, chosen, counts, spool)


def _blocks(connection: Connection, job: Job, chosen: str, counts: Counts) -> Generator[bytes, None, None]:
    empty = True
    for block in connection.stream(job.sql, chosen, job.params, counts):
        empty = False
        yield block
    if empty and chosen == "Native":
        yield _empty_native(connection, job)


def _through_file(connection: Connection, job: Job, chosen: str, counts: Counts, spool: Spool) -> Answer:
    text, _ = split_output(connection.canonical(job.sql))
    spooled = spool.create_on_disk()
    try:
        spooled.seal()
        target = f" INTO OUTFILE {literal(str(spooled.path))} TRUNCATE FORMAT {chosen}"
        counts.add(connection.run(text + target, chosen, job.params))
        counts.result_bytes = spooled.path.stat().st_size
    except BaseException:
        spool.remove(spooled)
        raise
    if chosen == "Native" and not counts.result_bytes:
        spool.remove(spooled)
        return Answer(chosen, counts, _once(_empty_native(connection, job)))
    return Answer(chosen, counts, _file_pieces(spooled, spool))


def _file_pieces(spooled: Spooled, spool: Spool) -> Generator[bytes, None, None]:
    try:
        descriptor = os.open(spooled.path, os.O_RDONLY)
        spool.remove(spooled)
        try:
            while piece := os.read(descriptor, _FILE_PIECE_BYTES):
                yield piece
        finally:
            os.close(descriptor)
    finally:
        spool.remove(spooled)


def _empty_native(connection: Connection, job: Job) -> bytes:
    """A block without rows, which tells the client the columns of an empty result."""
    text, _ = split_output(connection.canonical(job.sql))
    described = connection.run(f"DESCRIBE TABLE ({text})", "JSONCompactEachRow", job.params)
    columns = [json.loads(line)[:2] for line in described.bytes().splitlines()]
    block = _varint(len(columns)) + _varint(0)
    for name, kind in columns:
        block += _varint(len(name.encode())) + name.encode() + _varint(len(kind.encode())) + kind.encode()
    return block


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
