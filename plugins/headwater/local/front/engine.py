"""The embedded engine: opened once per process, with a fresh connection for every request."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chdb

from headwater.local.front.problems import EngineProblem
from headwater.local.front.recent import Recent

# Where the embedded engine starts from other defaults than the server does, and what bounds its query log.
SERVER_DEFAULTS: Mapping[str, str] = {
    "implicit_select": "0",
    "allow_introspection_functions": "0",
    "storage_file_read_method": "pread",
    "session_timezone": "UTC",
    "log_queries_cut_to_length": "10000",
}


@dataclass
class Counts:
    """What one statement read and wrote."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_s: float = 0.0

    def add(self, result: Any) -> None:
        """Add the counts of one (partial) result of the engine."""
        self.read_rows += result.storage_rows_read()
        self.read_bytes += result.storage_bytes_read()
        self.written_rows += result.rows_written()
        self.written_bytes += result.bytes_written()
        self.result_rows += result.rows_read()
        self.result_bytes += result.size()
        self.elapsed_s += result.elapsed()


class Connection:
    """One session of the engine. Not for two threads at once."""

    def __init__(self, native: Any, open_another: Callable[[], Any], texts: Recent[str]) -> None:
        self._native = native
        self._open_another = open_another
        self._texts = texts
        self._clerk: Connection | None = None

    def run(self, sql: str, output_format: str = "TabSeparated", params: Mapping[str, str] | None = None) -> Any:
        """Run a statement to its end; returns the engine's result object."""
        try:
            return self._native.query(sql, output_format, params=dict(params or {}))
        except (RuntimeError, chdb.ChdbError) as error:
            raise EngineProblem(str(error)) from None

    def text(self, sql: str, params: Mapping[str, str] | None = None) -> str:
        """The answer of a small statement: the one value as raw text."""
        return str(self.run(sql, "RawBLOB", params).bytes().decode())

    def stream(
        self, sql: str, output_format: str, params: Mapping[str, str], counts: Counts
    ) -> Generator[bytes, None, None]:
        """Blocks of the answer as they are made; closing the iterator cancels the query."""
        try:
            result = self._native.send_query(sql, output_format, params=dict(params))
            try:
                for part in result:
                    counts.add(part)
                    yield part.bytes()
            finally:
                result.close()
        except (RuntimeError, chdb.ChdbError) as error:
            raise EngineProblem(str(error)) from None

    def classify(self, sql: str) -> tuple[str, int]:
        """The engine's own class of a text (READ_ONLY, MUTATING, …) and how many statements it holds."""
        verdict = self._native._conn.classify_query(sql)  # noqa: SLF001 - the wrapper has no public way to it
        return verdict["query_class"].name, int(verdict["statement_count"])

    def canonical(self, sql: str) -> str:
        """The statement in the engine's own formatting: no comments, one spelling; raises its syntax error."""
        known = self._texts.get(sql)
        if known is not None:
            return known
        text = self._aside().text("SELECT formatQuerySingleLine({sql:String})", {"sql": _escaped(sql)})
        return self._texts.keep(sql, sql, text)

    def parsed(self, sql: str) -> dict[str, Any]:
        """The statement as the engine's parser sees it; error 36 for the kinds that have no such form."""
        text = self._aside().text("SELECT parseQueryToJSON({sql:String})", {"sql": _escaped(sql)})
        tree: dict[str, Any] = json.loads(text)
        return tree

    def _aside(self) -> Connection:
        """A second session for questions about statements, which no setting of the client reaches."""
        if self._clerk is None:
            self._clerk = Connection(self._open_another(), self._open_another, self._texts)
            self._clerk.set(SERVER_DEFAULTS)
        return self._clerk

    def set(self, settings: Mapping[str, str]) -> None:
        """Change settings of this connection; unknown names are the engine's error 115."""
        if settings:
            self.run("SET " + ", ".join(f"{quoted_name(name)} = {literal(value)}" for name, value in settings.items()))

    def use(self, database: str) -> None:
        """Look unqualified names up in `database`."""
        self.run(f"USE {quoted_name(database)}")

    def close(self) -> None:
        """Give the session back."""
        if self._clerk is not None:
            self._clerk.close()
            self._clerk = None
        self._native.close()


@dataclass
class Engine:
    """The engine on one data folder; the lock of the folder is the engine's own."""

    data_dir: Path
    config_file: Path
    _keep: Any = field(default=None, repr=False)
    _texts: Recent[str] = field(default_factory=Recent, repr=False)

    def open(self) -> None:
        """Open the folder and answer one query; raises `EngineProblem` when it is locked or damaged."""
        try:
            self._keep = chdb.connect(self._address())
        except (RuntimeError, chdb.ChdbError) as error:
            raise EngineProblem(str(error)) from None
        Connection(self._keep, self._open, self._texts).text("SELECT 1")

    def connect(self) -> Connection:
        """A fresh connection with the server's defaults."""
        return Connection(self._open(), self._open, self._texts)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A fresh connection for one piece of work."""
        connection = self.connect()
        try:
            yield connection
        finally:
            connection.close()

    def close(self) -> None:
        """Flush and release the folder."""
        if self._keep is not None:
            self._keep.close()
            self._keep = None

    def _open(self) -> Any:
        return chdb.connect(self._address())

    def _address(self) -> str:
        return f"{self.data_dir}?config-file={self.config_file}"


def _escaped(text: str) -> str:
    """A string as the engine reads values of parameters."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def literal(value: str) -> str:
    """A string literal of SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quoted_name(name: str) -> str:
    """A quoted identifier of SQL."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
