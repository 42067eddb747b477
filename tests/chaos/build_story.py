"""A warehouse's story in rounds, told twice: undisturbed, and with a death or a sleep in the build of each round."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.build import Build, BuildLimits
from headwater.errors import HeadwaterError
from tests.sql.test_corrections import assert_sound
from tests.support.builder import start, wait_stopped
from tests.support.dying import Stepping
from tests.support.emptied import empty_warehouse
from tests.support.events import browser, device, geo, location
from tests.support.fingerprint import fingerprint
from tests.support.front import Front
from tests.support.staging import Stage

_NEVER = 1_000_000
_OLD = "2019-12-31 23:59:59.999999"


def _at(n: int, minute: int = 0) -> str:
    return f"2026-{4 + n // 28 % 4:02d}-{n % 28 + 1:02d} 10:{minute:02d}:00"


def send_round(stage: Stage, n: int) -> None:
    """Complete events, a repeat, a conflict, history, an event that will wait, and what an earlier one has waited for."""
    full = [f"{n}-{i}" for i in range(4)]
    stage.send(
        "browser",
        *[browser(name, click=name, at=_at(n, i)) for i, name in enumerate(full)],
        browser(f"{n}-0", click=f"{n}-0", at=_at(n)),
        browser(f"{n}-1", click=f"{n}-1", at=_at(n, 1), browser_name="Other"),
        browser(f"{n}-old", click=f"{n}-0", at=_OLD),
        browser(f"{n}-late", click=f"{n}-later", at=_at(n, 30)),
    )
    stage.send("device", *[device(name, user=f"u{n % 5}") for name in full], device(f"{n - 2}-later", user="late"))
    stage.send("geo", *[geo(name, geo_country="FR" if n % 2 else "DE") for name in full], geo(f"{n}-later"))
    stage.send(
        "location",
        *[location(name, "/product_a" if n % 3 else "/confirmation") for name in full],
        location(f"{n}-old"), location(f"{n - 2}-late", "/confirmation"),
    )  # fmt: skip
    stage.clock.moment += timedelta(minutes=16)


@dataclass
class Story:
    """The front that is killed, the stage, and what was done so far."""

    front: Front
    random: Random
    stage: Stage = field(init=False)
    rounds: int = 0
    kills: int = 0
    sleeps: int = 0

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start anew in an empty warehouse."""
        empty_warehouse(self.front.owner_url)
        self.stage = Stage(ClickHouse(self.front.writer_url))
        self.rounds = 0

    def undisturbed(self, rounds: int) -> tuple[dict[str, tuple[int, int]], int]:
        """The content after so many rounds when nobody dies, and the most statements that a round's build took."""
        most = 0
        for _ in range(rounds):
            self._next()
            counting = Stepping(self.front.writer_url, lambda _n, _sql: None)
            self._build(counting)
            most = max(most, counting.statements_run)
        found = self.content()
        self.begin()
        return found, most

    def content(self) -> dict[str, tuple[int, int]]:
        """What every table and mart holds, after the checks that must hold always."""
        self.stage.build()
        assert_sound(self.stage)
        accounts = self.stage.db.rows("correct/accounts", since=self.stage.clock.moment - timedelta(days=9))
        assert all(row["balances"] for row in accounts), [dict(row) for row in accounts]
        return fingerprint(self.stage.db)

    def builder_dies_at(self, statement: int) -> None:
        """A build process is killed before one of its statements; the next one finishes."""
        self._next()
        self._ended(start(self.front.writer_url, self.stage.clock.moment, statement, signal.SIGKILL))

    def builder_dies(self) -> None:
        """A build process is killed at a random moment, within a statement or between two."""
        self._next()
        process = start(self.front.writer_url, self.stage.clock.moment, _NEVER, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.random.uniform(1.0, 4.0))
        process.kill()
        self._ended(process)

    def builder_sleeps_at(self, statement: int) -> None:
        """A build process stops before one of its statements while others finish its plan and the next round's."""
        self._next()
        process = start(self.front.writer_url, self.stage.clock.moment, statement, signal.SIGSTOP)
        try:
            self.sleeps += wait_stopped(process)
            self.stage.build()
            self._next()
            self.stage.build()
        finally:
            process.send_signal(signal.SIGCONT)
        assert process.wait(120) == 0, "the sleeper failed when it woke"

    def front_dies_at(self, statement: int) -> None:
        """ClickHouse is killed just before a statement is sent."""
        self._front_dies(statement, lambda crash: crash())

    def front_dies_in(self, statement: int) -> None:
        """ClickHouse is killed some thousandths of a second after a statement was sent."""
        delay = self.random.uniform(0.0, 0.03)
        self._front_dies(statement, lambda crash: threading.Timer(delay, crash).start())

    def two_at_once(self) -> None:
        """Two builders begin at the same time."""
        self._next()
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(self._build, ClickHouse(self.front.writer_url)) for _ in range(2)]
        for run in runs:
            run.result()

    def _front_dies(self, statement: int, deed: Callable[[Callable[[], None]], None]) -> None:
        self._next()
        done = threading.Event()

        def crash() -> None:
            self.front.kill()
            self.front.restart()
            self.kills += 1
            done.set()

        def before(number: int, _sql: str) -> None:
            if number == statement:
                begun.set()
                deed(crash)

        begun = threading.Event()
        with contextlib.suppress(HeadwaterError):  # a statement without a token is not sent again
            self._build(Stepping(self.front.writer_url, before))
        if begun.is_set():
            assert done.wait(60), "the front did not come back"
        self.stage.build()

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        code = process.wait(120)
        assert code in (0, -signal.SIGKILL), f"the builder ended with {code}"
        self.kills += code == -signal.SIGKILL
        self.stage.build()

    def _build(self, database: ClickHouse) -> None:
        try:
            Build(database, self.stage.clock, BuildLimits()).run()
        finally:
            database.close()

    def _next(self) -> None:
        send_round(self.stage, self.rounds)
        self.rounds += 1
