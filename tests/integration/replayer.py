"""A replay as a process that ends or stops itself at a named step; the tests look at what is left of it.

`python tests/integration/replayer.py POINT SIGNAL BOOTSTRAP`; ClickHouse's address comes from the environment.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.kafka_once import KafkaOnce
from headwater.adapters.replays import ClickHouseReplays
from headwater.app.replay import Replay
from headwater.core.replay import DeadLetter, ReplayPlan, Selection
from headwater.errors import Retry

URL = "REPLAY_CLICKHOUSE_URL"
POINTS = ("selected", "reserved", "opened", "sending", "sent", "noted", "committing", "committed", "closed", "finished")
_SENT_BEFORE = 5


class _Book(ClickHouseReplays):
    at: Callable[[str], None]

    def candidates(self, selection: Selection, before: datetime, rows: int, size_bytes: int) -> Sequence[DeadLetter]:
        found = super().candidates(selection, before, rows, size_bytes)
        self.at("selected")
        return found

    def reserve(self, plan: ReplayPlan, planned_at: datetime, member: str) -> ReplayPlan:
        found = super().reserve(plan, planned_at, member)
        self.at("reserved")
        return found

    def finish(self, plan: ReplayPlan, done_at: datetime) -> None:
        self.at("closed")
        super().finish(plan, done_at)
        self.at("finished")


class _Log(KafkaLog):
    at: Callable[[str], None]
    point: str

    @contextmanager
    def once(self, name: str, topics: Sequence[str], closing: bytes) -> Iterator[KafkaOnce]:
        with super().once(name, topics, closing) as sink:
            self.at("opened")
            sent = 0
            plain_send, plain_commit = sink.send, sink.commit

            def send(topic: str, key: bytes | None, value: bytes, origin: str = "", line: int = 0) -> None:
                nonlocal sent
                plain_send(topic, key, value, origin, line)
                sent += 1
                if sent == _SENT_BEFORE:
                    sink.flush()
                    self.at("sending")

            def commit() -> None:
                sink.flush()
                self.at("sent")
                plain_commit()
                self.at("committed")

            sink.send, sink.commit = send, commit  # type: ignore[method-assign]
            sink._producer = _Watched(sink._producer, self.at, self.point)  # type: ignore[assignment]
            yield sink


class _Watched:
    """A producer that tells when its transaction is about to be committed."""

    def __init__(self, producer: Any, at: Callable[[str], None], point: str) -> None:
        self._producer = producer
        self._at = at
        self._point = point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def commit_transaction(self, timeout: float) -> None:
        self._at("noted")
        if self._point == "committing":
            threading.Thread(target=self._soon, daemon=True).start()
        self._producer.commit_transaction(timeout)

    def _soon(self) -> None:
        time.sleep(0.002)
        self._at("committing")


def main(point: str, number: str, bootstrap: str) -> int:
    """Run one replay of everything."""

    def at(step: str) -> None:
        if step == point:
            os.kill(os.getpid(), getattr(signal, number))

    book, log = _Book(ClickHouse(os.environ[URL])), _Log(bootstrap)
    book.at = log.at = at
    log.point = point
    try:
        Replay(log, book, SystemClock()).run(Selection())
    except Retry:
        return Retry.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
