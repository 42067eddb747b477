"""Members of the consumer group as processes that tests start, kill, freeze and wake."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.failpoints import Failpoint
from tests.chaos.member import EXITS, URL

ROOT = Path(__file__).resolve().parents[2]
SESSION_S = 1.0
_WAIT_S = 60.0
_RETRY_CODES = {EXITS[kind] for kind in EXITS if kind.__name__ in {"Retry", "FixSettings"}}


@dataclass
class Member:
    """One process, and the file that it writes its log to."""

    name: str
    process: subprocess.Popen[bytes]
    log_file: Path
    runs: bool

    @property
    def log(self) -> str:
        """What it said so far."""
        return self.log_file.read_text(errors="replace")

    @property
    def is_alive(self) -> bool:
        """Running or stopped, but not ended."""
        return self.process.poll() is None

    @property
    def is_stopped(self) -> bool:
        """Whether SIGSTOP has taken hold of it."""
        try:
            state = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state == "T"

    def signal(self, what: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        if self.is_alive:
            self.process.send_signal(what)

    def kill(self) -> None:
        """End it at once, also when it is stopped."""
        self.signal(signal.SIGKILL)
        self.process.wait(_WAIT_S)

    def wait(self, timeout_s: float = _WAIT_S) -> int:
        """Its exit code. Raises `AssertionError` with its log when it does not end in time."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout_s:.0f} s:\n{self.log[-3000:]}") from None

    def wait_killed(self, timeout_s: float = _WAIT_S) -> None:
        """Wait until it has killed itself at its failpoint."""
        code = self.wait(timeout_s)
        assert code == -signal.SIGKILL, f"{self.name} ended with {code}, not at its failpoint:\n{self.log[-3000:]}"

    def wait_stopped(self, timeout_s: float = _WAIT_S) -> None:
        """Wait until it has stopped itself at its failpoint."""
        deadline = time.monotonic() + timeout_s
        while not self.is_stopped:
            assert self.is_alive, f"{self.name} ended with {self.process.poll()}:\n{self.log[-3000:]}"
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name} did not come to its failpoint:\n{self.where()}")
            time.sleep(0.005)

    def where(self) -> str:
        """What its threads are doing, as its log tells after SIGUSR1; it must be awake."""
        before = len(self.log)
        self.signal(signal.SIGUSR1)
        deadline = time.monotonic() + 5
        while self.is_alive and "most recent call first" not in self.log[before:] and time.monotonic() < deadline:
            time.sleep(0.05)
        return f"{self.name}:\n{self.log[-4000:]}"

    @property
    def may_start_again(self) -> bool:
        """Ended by a signal or by an error that says so, as a supervisor would see it."""
        code = self.process.poll()
        return code is not None and (code < 0 or code in _RETRY_CODES)


@dataclass
class Crew:
    """The members of one group; none of them outlives it."""

    folder: Path
    bootstrap: str
    clickhouse_url: str = field(repr=False)
    group: str
    members: list[Member] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(
        self, failpoint: Failpoint | None = None, *, runs: bool = True, rows: int = 500, url: str | None = None
    ) -> Member:
        """Start a member that runs on, or drains; `url` is another way to ClickHouse."""
        name = f"{self.group}-{next(self._numbers)}"
        command = [sys.executable, "-m", "tests.chaos.member", "--bootstrap", self.bootstrap, "--group", self.group]
        command += ["--rows", str(rows), "--session-ms", str(int(SESSION_S * 1000))]
        command += ["--run"] if runs else []
        command += ["--failpoint", str(failpoint)] if failpoint else []
        environment = {
            **os.environ,
            URL: url or self.clickhouse_url,
            "PYTHONPATH": os.pathsep.join((str(ROOT / "plugins"), str(ROOT))),
        }
        log_file = self.folder / f"{name}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)
        member = Member(name, process, log_file, runs)
        self.members.append(member)
        return member

    def alive(self) -> list[Member]:
        """Members that have not ended."""
        return [member for member in self.members if member.is_alive]

    def replace_ended(self, wanted: int) -> int:
        """Start members until `wanted` run, as a supervisor does. Raises `AssertionError` when one gave up for good."""
        self.assert_none_gave_up()
        missing = wanted - len(self.alive())
        for _ in range(missing):
            self.start()
        return max(0, missing)

    def assert_none_gave_up(self) -> None:
        """No member ended with an error that forbids to go on."""
        for member in self.members:
            code = member.process.poll()
            gave_up = code not in (None, 0) and not member.may_start_again
            assert not gave_up, f"{member.name} ended with {code}:\n{member.log[-3000:]}"

    def stop_all(self) -> None:
        """Ask every member to stop; all must end in good order or with an error that lets them start again."""
        for member in self.alive():
            member.signal(signal.SIGCONT)
            member.signal(signal.SIGTERM)
        for member in self.alive():
            member.wait()
        self.assert_none_gave_up()

    def drain(self, timeout_s: float = 120.0) -> None:
        """Drain to the end, starting again where a member says so."""
        deadline = time.monotonic() + timeout_s
        while True:
            member = self.start(runs=False)
            code = member.wait(max(1.0, deadline - time.monotonic()))
            if code == 0:
                return
            assert member.may_start_again, f"{member.name} ended with {code}:\n{member.log[-3000:]}"
            assert time.monotonic() < deadline, f"not drained within {timeout_s:.0f} s:\n{member.log[-3000:]}"

    def close(self) -> None:
        """Kill what is left."""
        for member in self.alive():
            member.kill()
