"""The local stack as one thing: bring it up, take it down, ask how it is, remove it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from headwater.errors import FixSettings
from headwater.local import collector, superset
from headwater.local.credentials import Credentials, write_stack_env
from headwater.local.layout import Layout, Ports, private_file
from headwater.local.parts import CONSUMER, VISITORS, WINDOWS, Part, Plan, Step, platform
from headwater.local.ports import require_free
from headwater.local.processes import sweep
from headwater.local.start import Progress, Started, Starter
from headwater.local.status import StackStatus, look
from headwater.local.supervisor import Supervisor, job_file, render
from headwater.settings import Settings, load_settings

_STOP_S = 60.0
# What a home may hold that is ours; `clean` removes these and nothing else.
_STATE = (
    "run",
    "logs",
    "secrets",
    "kafka",
    "clickhouse",
    "postgres",
    "airflow",
    "superset",
    "s3",
    "cache",
    "stack.env",
)


def _silent(_progress: Progress) -> None:
    """Report nothing."""


class Stack:
    """The stack of one home."""

    def __init__(self, settings: Settings, plan: Callable[[Layout, Ports, Credentials], Plan] | None = None) -> None:
        self.settings = settings
        self._superset = plan is None and superset.wanted(settings)
        self._plan = plan or partial(
            platform,
            consumer=settings.consumer,
            windows=settings.windows,
            with_superset=self._superset,
            visitors=settings.visitors,
        )
        self.layout = Layout.of(settings)
        self.ports = Ports.of(settings)
        self._supervisor = Supervisor(self.layout)

    @classmethod
    def of(
        cls,
        home: Path | None = None,
        *,
        consumer: bool | None = None,
        windows: bool | None = None,
        visitors: bool | None = None,
    ) -> Stack:
        """The stack of `home`, by default the one that the environment names.

        `consumer` says whether it also consumes, `windows` whether it counts clicks, `visitors` whether it plays
        visits; None leaves it to the settings.
        """
        asked = {"consumer": consumer, "windows": windows, "visitors": visitors}
        chosen = {name: value for name, value in asked.items() if value is not None}
        return cls(load_settings(home).model_copy(update=chosen))

    def up(self, report: Callable[[Progress], None] = _silent) -> Started:
        """Start what does not run, and return when every part works; running parts are left alone.

        Raises `FixSettings` before anything starts when a port is taken, and `Stop` with the last lines of its log
        when a part does not start; the other parts then keep running.
        """
        began = time.monotonic()
        self.layout.make()
        with self._alone():
            self.layout.make_runtime()
            secrets = Credentials.of(self.layout)
            plan = self._plan(self.layout, self.ports, secrets)
            self._settle(plan)
            addresses = secrets.addresses(self.ports, superset=self._superset)
            write_stack_env(self.layout, addresses, self.settings)
            Starter(self.layout, self._supervisor, plan, report).run()
        return Started(time.monotonic() - began, addresses)

    def down(self, report: Callable[[Progress], None] = _silent) -> int:
        """End every process of the stack; data stays. Returns how many parts (or left-over processes) were ended."""
        if not self.layout.run.is_dir():
            return 0
        with self._alone():
            return self._stop(report)

    def status(self) -> StackStatus:
        """How every part is; asks each of them."""
        known = self.layout.secrets.is_dir()
        plan = self._plan(self.layout, self.ports, Credentials.of(self.layout)) if known else Plan(())
        return look(self.layout, self._supervisor, plan.parts)

    def addresses(self) -> Mapping[str, str]:
        """Addresses and credentials for other programs. Raises `FixSettings` when the stack was never started."""
        if not self.layout.stack_env.is_file():
            raise FixSettings(f"There is no stack in {self.layout.home} yet. Start it with `headwater up`.")
        return Credentials.of(self.layout).addresses(self.ports, superset=self._superset)

    def log_files(self, part: str | None = None) -> list[Path]:
        """Log files of one part, or of all."""
        known = sorted(self.layout.logs.glob("*.log"))
        if part is None:
            return known
        path = self.layout.log(part)
        if path not in known:
            names = ", ".join(path.stem for path in known) or "none yet: start the stack with `headwater up`"
            raise FixSettings(f"There is no log of a part called {part}. Parts with logs: {names}.", part=part)
        return [path]

    def state_size_bytes(self) -> Mapping[str, int]:
        """What `clean` would remove, with its size."""
        found = [self.layout.home / name for name in _STATE]
        return {path.name: _size(path) for path in found if path.exists()}

    def clean(self, report: Callable[[Progress], None] = _silent) -> int:
        """Stop the stack and remove all its state; returns the bytes freed. Other files of the home stay."""
        self.down(report)
        freed = 0
        for name, size in self.state_size_bytes().items():
            path = self.layout.home / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            freed += size
        if self.layout.home.is_dir() and not any(self.layout.home.iterdir()):
            self.layout.home.rmdir()
        return freed

    def _settle(self, plan: Plan) -> None:
        """Leave a supervisor running that has started nothing but what belongs to the present settings."""
        jobs: list[Part | Step] = [*plan.parts, *plan.steps]
        files = {job_file(self.layout, each.name): each.job.text() for each in jobs}
        config = render(self.layout, plan.parts)
        mark = hashlib.sha256(json.dumps([config, *files.values()]).encode()).hexdigest()
        marked = self.layout.run / "settings.sha256"
        same = marked.is_file() and marked.read_text(encoding="utf-8") == mark
        if not (same and self._supervisor.alive()):
            self._stop(_silent)
            self.layout.make_runtime()
        running = {name for name, program in self._supervisor.programs().items() if program.running}
        require_free(
            {name: port for part in plan.parts if part.name not in running for name, port in part.ports.items()}
        )
        if self._supervisor.alive():
            return
        for path, text in files.items():
            private_file(path, text)
            path.with_name(path.name.replace(".job.json", ".json")).unlink(missing_ok=True)
        private_file(marked, mark)
        self._supervisor.start(config)

    def _stop(self, report: Callable[[Progress], None]) -> int:
        began = time.monotonic()
        running = [name for name, program in self._supervisor.programs().items() if program.running]
        # First what uses the others, so that nothing ends in the middle of work that it could finish.
        beginnings = (CONSUMER, WINDOWS, VISITORS, collector.PART, "airflow", superset.PART)
        users = [name for name in running if name.startswith(beginnings)]
        for names in (users, [name for name in running if name not in users]):
            if names:
                self._supervisor.stop_programs(names, _STOP_S)
                for name in names:
                    report(Progress(name, "stopped", time.monotonic() - began))
        self._supervisor.shut_down()
        self._await_silence()
        swept = sweep(self.layout.home, self.layout.postgres_data)
        shutil.rmtree(self.layout.runtime, ignore_errors=True)
        if swept and not running:
            report(Progress("leftovers", "stopped", time.monotonic() - began, f"{swept} processes of a killed stack"))
            return swept
        return len(running)

    def _await_silence(self) -> None:
        deadline = time.monotonic() + 10
        while self._supervisor.alive() and time.monotonic() < deadline:
            time.sleep(0.05)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One `up`, `down` or `clean` at a time; a second one waits."""
        with (self.layout.run / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(found.lstat().st_size for found in path.rglob("*") if not found.is_dir())
