"""The head of the migrations as a data folder: they are applied once in a run of tests, other fronts begin on a copy."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.migrate import migrate, read_migrations
from headwater.assets import asset
from tests.support.front import Front

# Names the folder that all workers of a run share; tests/conftest.py makes and removes it.
RUN_FOLDER = "HEADWATER_TESTS_RUN_FOLDER"
_STATEMENTS = (
    "SELECT concat(database, '.', name) AS full_name, toString(cityHash64(create_table_query)) AS hash "
    "FROM system.tables WHERE database IN ('analytics', 'ops') AND ({names:Array(String)} = [] OR has({names:Array(String)}, full_name))"
)


def lay_head(folder: Path) -> None:
    """Put the data of a front at the head of the migrations into `folder`, where no front has run yet."""
    shutil.copytree(_made() / "data", folder / "data", symlinks=True)


def head() -> Mapping[str, str]:
    """The tables and views of the head, each with a hash of its statement."""
    found: dict[str, str] = json.loads((_made() / "head.json").read_text())
    return found


def statements(owner: ClickHouse, names: list[str]) -> Mapping[str, str]:
    """The same for what a server has now; only those with one of `names`, where there are any."""
    return {row["full_name"]: row["hash"] for row in owner.query(_STATEMENTS, {"names": names})}


def _made() -> Path:
    run = Path(os.environ[RUN_FOLDER])
    ready = run / "head"
    with (run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.is_dir():
            _make(run / "making")
            (run / "making").rename(ready)
    return ready


def _make(folder: Path) -> None:
    with Front.start(folder) as front:
        owner = ClickHouse(front.owner_url)
        migrate(read_migrations(asset("clickhouse/migrations")), owner)
        (folder / "head.json").write_text(json.dumps(statements(owner, [])))
        owner.close()
