"""Connections that live longer than a request: one for each `session_id` of a user, for one request at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from headwater.local.front.engine import Connection
from headwater.local.front.problems import Problem

_DEFAULT_TIMEOUT_S = 60
_MAX_TIMEOUT_S = 3600
_MAX_SESSIONS = 256


@dataclass
class Session:
    """One kept connection."""

    connection: Connection
    timeout_s: float
    busy: bool = True
    used_at: float = 0.0


class Sessions:
    """All kept connections; a session in use by another request is an error, as the server has it."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], Session] = {}

    def take(self, user: str, name: str, timeout: str, *, must_exist: bool) -> Session:
        """The session for this request alone; `give` must follow."""
        timeout_s = _timeout(timeout)
        with self._lock:
            expired = self._pop_expired()
            session = self._open.get((user, name))
            if session is not None:
                if session.busy:
                    raise Problem(373, f"Session {name} is locked by a concurrent client")
                session.busy, session.timeout_s = True, timeout_s
            elif must_exist:
                raise Problem(372, f"Session {name} not found")
            elif len(self._open) >= _MAX_SESSIONS:
                raise Problem(202, f"More than {_MAX_SESSIONS} sessions are open", 503)
            else:
                session = self._open[(user, name)] = Session(self._connect(), timeout_s)
        for old in expired:
            old.connection.close()
        return session

    def give(self, user: str, name: str, session: Session, *, close: bool) -> None:
        """End the use of a session."""
        with self._lock:
            session.busy, session.used_at = False, time.monotonic()
            expired = self._pop_expired()
            if close:
                self._open.pop((user, name), None)
                expired.append(session)
        for old in expired:
            old.connection.close()

    def close(self) -> None:
        """End all sessions."""
        with self._lock:
            sessions, self._open = list(self._open.values()), {}
        for session in sessions:
            session.connection.close()

    def _pop_expired(self) -> list[Session]:
        now = time.monotonic()
        old = [key for key, one in self._open.items() if not one.busy and now - one.used_at > one.timeout_s]
        return [self._open.pop(key) for key in old]


def _timeout(text: str) -> float:
    if not text:
        return _DEFAULT_TIMEOUT_S
    try:
        seconds = int(text)
    except ValueError:
        raise Problem(72, f"Invalid session timeout {text!r}", 400) from None
    if seconds > _MAX_TIMEOUT_S:
        raise Problem(374, f"Session timeout {seconds} is larger than {_MAX_TIMEOUT_S}", 400)
    return max(seconds, 1)
