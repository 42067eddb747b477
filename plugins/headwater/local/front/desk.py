"""Between HTTP and the engine: prepare a connection for a user and a request, run, and end what must end."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from headwater.local.front.engine import SERVER_DEFAULTS, Connection, Engine, literal
from headwater.local.front.guard import Guard, Scope, check_setting
from headwater.local.front.problems import Problem
from headwater.local.front.request import Request
from headwater.local.front.rights import READER, READER_LIMITS, READER_SETTINGS, WRITER
from headwater.local.front.runner import NEEDS_WHOLE, Answer, Job, run
from headwater.local.front.sessions import Session, Sessions
from headwater.local.front.spool import Spool
from headwater.local.front.statement import split_output

# A text setting that no statement of this front reads carries the client's query id into system.processes.
MARK = "promql_table"
_HOME = "analytics"
_TOKEN_LENGTH = 16


@dataclass
class Work:
    """One request at work: its connection, its answer, and what to put back afterwards."""

    user: str
    request: Request
    job: Job
    connection: Connection
    session: Session | None = None
    answer: Answer | None = None
    restore: dict[str, str] = field(default_factory=dict)
    finished: bool = False
    token: str = field(default_factory=lambda: secrets.token_hex(_TOKEN_LENGTH // 2))

    @property
    def mark(self) -> str:
        """Tells this request's statement from all others, even from those of the same query id."""
        return f"{self.token}{self.request.query_id}"


class Desk:
    """Runs jobs; every method blocks and belongs into a thread."""

    def __init__(self, engine: Engine, spool: Spool) -> None:
        self._engine = engine
        self._spool = spool
        self._sessions = Sessions(engine.connect)
        self._guards = {"reader": Guard(READER), "writer": Guard(WRITER)}

    def open(self, user: str, request: Request, job: Job) -> Work:
        """Take a connection: a fresh one, or that of the session.

        A reader's connection ends in a mode that cannot be left again, so that it serves one request only; nothing
        that a reader may do would outlive the request anyway.
        """
        name = request.transport.get("session_id", "")
        if not name or user == "reader":
            return Work(user, request, job, self._engine.connect())
        timeout = request.transport.get("session_timeout", "")
        session = self._sessions.take(user, name, timeout, must_exist=request.flag("session_check"))
        return Work(user, request, job, session.connection, session)

    def start(self, work: Work) -> Answer:
        """Set the connection up, ask the guard, and run; the pieces of the answer are still to be read."""
        connection, request, job = work.connection, work.request, work.job
        settings = {**SERVER_DEFAULTS, **self._settings(work)}
        if work.session is not None:
            work.restore = _current(connection, settings)
        connection.set(settings)
        database = self._enter(work)
        for table in job.external:
            table.load(connection)
        if work.user != "owner":
            self._ask(work, database)
        if _is_kill(job):
            job = _kill_by_client_id(connection, job)
        work.answer = run(
            connection,
            job,
            self._spool,
            may_write=request.method not in {"GET", "HEAD"},
            whole=request.flag("wait_end_of_query") or any(map(NEEDS_WHOLE.search, settings)),
        )
        return work.answer

    def finish(self, work: Work) -> None:
        """Stop what still runs and give the connection back; doing it twice does nothing."""
        if work.finished:
            return
        work.finished = True
        if work.answer is not None:
            with contextlib.suppress(Problem):
                work.answer.close()
        if work.session is None:
            work.connection.close()
            return
        with contextlib.suppress(Problem):
            work.connection.set(work.restore)
        name = work.request.transport["session_id"]
        self._sessions.give(work.user, name, work.session, close=work.request.flag("close_session"))

    def stop(self, work: Work) -> None:
        """End the statement of a client that has gone."""
        with self._engine.connection() as connection, contextlib.suppress(Problem):
            connection.run(f"KILL QUERY WHERE Settings['{MARK}'] = {literal(work.mark)} ASYNC", "Null")

    def close(self) -> None:
        """End all statements and sessions."""
        with self._engine.connection() as connection, contextlib.suppress(Problem):
            connection.run(f"KILL QUERY WHERE Settings['{MARK}'] != '' SYNC", "Null")
        self._sessions.close()

    def _settings(self, work: Work) -> dict[str, str]:
        sent = dict(work.request.settings)
        if work.user == "reader":
            sent = _reader_settings(sent)
        elif work.user != "owner":
            for name in sent:
                check_setting(name)
        return {"log_comment": work.request.query_id, **sent, MARK: work.mark}

    def _enter(self, work: Work) -> str:
        """Go to the database of the request; users with limits never stay in `default`, which shows files."""
        wanted, connection = work.request.database, work.connection
        if wanted and wanted != "default":
            guard = self._guards.get(work.user)
            if guard is not None and wanted not in guard.rights.databases:
                raise Problem(497, f"Not enough privileges: this user may not use {wanted}")
            connection.use(wanted)
            return wanted
        current = connection.text("SELECT currentDatabase()") if work.session is not None else "default"
        if current == "default" and work.user != "owner":
            with contextlib.suppress(Problem):
                connection.use(_HOME)
                return _HOME
        return current

    def _ask(self, work: Work, database: str) -> None:
        job = work.job
        sql = job.insert.head if job.insert is not None else job.sql
        names = frozenset(table.name for table in job.external)
        verdict = self._guards[work.user].check(work.connection, sql, Scope(database, job.params, names))
        if work.user == "reader":
            # Clients read from system.settings what they may send, so that one query sees the mode that permits it.
            mode = "2" if "settings" in verdict.system_tables else "1"
            work.connection.set({"readonly": mode})


def _reader_settings(sent: Mapping[str, str]) -> dict[str, str]:
    allowed = {}
    for name, value in sent.items():
        if name in READER_LIMITS.numbers or READER_SETTINGS.fullmatch(name):
            allowed[name] = value
        elif name != "readonly":
            raise Problem(164, f"Cannot modify '{name}' setting in readonly mode")
    for name, limit in READER_LIMITS.numbers.items():
        text = allowed.get(name, "")
        number = float(text) if text.replace(".", "", 1).isdigit() else 0.0
        allowed[name] = text if 0 < number <= limit else str(limit)
    return {**allowed, **READER_LIMITS.fixed}


def _current(connection: Connection, settings: Mapping[str, str]) -> dict[str, str]:
    names = ", ".join(literal(name) for name in settings)
    sql = f"SELECT name, value FROM system.settings WHERE name IN ({names})"  # noqa: S608 - literals are quoted
    rows = map(json.loads, connection.run(sql, "JSONCompactEachRow").bytes().splitlines())
    return {name: "0" if value.startswith("auto") else value for name, value in rows}


def _is_kill(job: Job) -> bool:
    return job.insert is None and len(job.sql) < 1 << 16 and "kill" in job.sql[:4096].lower()


def _kill_by_client_id(connection: Connection, job: Job) -> Job:
    """`KILL QUERY` where the condition means the clients' query ids, not the engine's own."""
    if connection.classify(job.sql)[1] != 1:
        return job
    text = connection.canonical(job.sql)
    if not text.startswith("KILL QUERY WHERE "):
        return job
    body, named = split_output(text.removeprefix("KILL QUERY WHERE "))
    condition, _, mode = body.strip().rpartition(" ")
    # The condition is the client's own, in the engine's formatting; the owner may read this table anyway.
    sql = (
        "SELECT engine_id FROM (SELECT query_id AS engine_id, * REPLACE("  # noqa: S608
        f"if(Settings['{MARK}'] = '', query_id, substring(Settings['{MARK}'], {_TOKEN_LENGTH + 1})) AS query_id) "
        f"FROM system.processes WHERE query_id != queryID()) WHERE {condition}"
    )
    found = connection.run(sql, "TabSeparatedRaw", job.params)
    ids = ", ".join(literal(line) for line in found.bytes().decode().split()) or "''"
    return Job(f"KILL QUERY WHERE query_id IN ({ids}) {mode}", named or job.default_format)
