"""A ClickHouse front that can be killed at the rename of a part: its token is logged, its rows are not there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from headwater.adapters.clickhouse import ClickHouse
from tests.support.front import Front
from tests.support.head import lay_head

_SOURCE = Path(__file__).with_name("tear.c")
_WAIT_S = 45.0
_ADDED = "1"


class Moment(StrEnum):
    """Where the kill hits: before the rename of the part (a tear), or when the part is there and nobody was told.

    BETWEEN hits a swap when the new parts are there and the old ones not yet hidden.
    """

    BEFORE = "before"
    AFTER = "after"
    BETWEEN = "between"


@dataclass
class FragileFront:
    """One front, and the order to die that its process reads at every rename.

    Without a C compiler the tear is made afterwards: the process is killed when the part has come, and the part is
    removed. What the engine finds at its next start is the same.
    """

    front: Front
    order: Path
    has_shim: bool
    _watched: tuple[Path, set[str], Moment] | None = None

    @classmethod
    def start(cls, folder: Path, port: int) -> FragileFront:
        """Compile the shim where that is possible, and start at the head of the migrations."""
        folder.mkdir(parents=True)
        lay_head(folder)
        order = folder / "tear.order"
        shim = _compiled(folder)
        environment = {"CHAOS_TEAR": str(order), **({"LD_PRELOAD": str(shim)} if shim else {})}
        return cls(Front.start(folder, port=port, environment=environment), order, has_shim=shim is not None)

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.front.process is not None and self.front.process.poll() is None

    def table_folder(self, table: str) -> Path:
        """Where the parts of `ops.claims` and the like are kept."""
        database, name = table.split(".")
        owner = ClickHouse(self.front.owner_url)
        try:
            found = owner.query(
                "SELECT data_paths[1] AS path FROM system.tables WHERE database = {d:String} AND name = {n:String}",
                {"d": database, "n": name},
            )
        finally:
            owner.close()
        return Path(found[0]["path"])

    def arm(self, table: str, moment: Moment) -> None:
        """Die at the next insert into `table`."""
        folder = self.table_folder(table)
        if self.has_shim:
            self.order.write_text(f"{moment} {folder}\n")
        else:
            self._watched = (folder, _parts(folder), moment)

    def wait_dead(self, meanwhile: Callable[[], object] = lambda: None, timeout_s: float = _WAIT_S) -> None:
        """Wait until the order was carried out, doing `meanwhile` now and then, such as keeping members alive.

        Raises `AssertionError` when nothing was inserted in time.
        """
        process = self.front.process
        assert process is not None, "the front is not running"
        deadline = time.monotonic() + timeout_s
        while process.poll() is None:
            if self._watched is not None:
                self._tear_afterwards(*self._watched)
            meanwhile()
            assert time.monotonic() < deadline, f"no part came within {timeout_s:.0f} s, so the front was not killed"
            time.sleep(0.001)
        assert process.returncode == -signal.SIGKILL, f"the front ended by itself:\n{self.front.log[-2000:]}"
        self.front.process = None

    def disarm(self) -> None:
        """Take the order back."""
        self.order.unlink(missing_ok=True)
        self._watched = None

    def _tear_afterwards(self, folder: Path, before: set[str], moment: Moment) -> None:
        fresh = _parts(folder) - before
        if not fresh:
            return
        self.front.kill()
        for part in fresh if moment is Moment.BEFORE else ():
            shutil.rmtree(folder / part)
        self._watched = None


def lost_tokens(folder: Path) -> set[str]:
    """Tokens that are logged for parts of which the folder holds nothing, merged ones included.

    After a crash the next part takes the number of the one that never came, so a name may be logged twice.
    """
    parts: dict[str, list[str]] = {}
    for kind, part, token in _logged(folder / "deduplication_logs"):
        if kind == _ADDED:
            parts.setdefault(part, []).append(token)
        else:
            parts.pop(part, None)
    held = [_span(part) for part in _parts(folder)]
    return {token for part, tokens in parts.items() for token in (tokens[:-1] if _within(part, held) else tokens)}


def _span(part: str) -> tuple[str, int, int]:
    partition, first, last, _level, *_ = part.split("_")
    return partition, int(first), int(last)


def _within(part: str, held: list[tuple[str, int, int]]) -> bool:
    partition, first, last = _span(part)
    return any(p == partition and begin <= first and last <= end for p, begin, end in held)


def _logged(folder: Path) -> Iterator[tuple[str, str, str]]:
    for log in sorted(folder.glob("deduplication_log_*.txt"), key=lambda path: int(path.stem.rpartition("_")[2])):
        for line in log.read_text(errors="replace").splitlines():
            kind, part, token = line.split("\t")
            yield kind, part, token


def _parts(folder: Path) -> set[str]:
    return {entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name.count("_") == 3}


def _compiled(folder: Path) -> Path | None:
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        return None
    library = folder / "tear.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return library if done.returncode == 0 else None
