"""An empty warehouse for each test: migrations take seconds, so only what a test has changed is made or emptied anew."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.migrate import migrate, read_migrations
from headwater.assets import asset
from tests.support.head import head, statements

_DATABASES = ("analytics", "ops")
_TABLES = (
    "SELECT concat(database, '.', name) AS full_name, toString(uuid) AS id, toUnixTimestamp(metadata_modification_time) AS changed_at, "
    "engine, data_paths, total_rows FROM system.tables WHERE database IN ('analytics', 'ops')"
)
_KEPT = "ops.migrations"
# Times of change are whole seconds: a statement that is younger may change once more without another time.
_SETTLED_S = 3
_ALWAYS_THERE = {"format_version.txt", "detached", "deduplication_logs"}

Content = frozenset[tuple[str, int, int]]


@dataclass
class _Known:
    """What is known of one server since it was looked at last."""

    statements: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By table: its id and time of change when its statement was found to be that of the head."""
    contents: dict[str, tuple[str, Content]] = field(default_factory=dict)
    """By table: its id and what its folder held when it was empty."""


_known: dict[str, _Known] = {}


def empty_warehouse(owner_url: str) -> None:
    """Leave the server (of this machine) with the schema of the migrations, no rows and no tokens of inserts."""
    known = _known.setdefault(owner_url, _Known())
    owner = ClickHouse(owner_url)
    try:
        found = owner.query(_TABLES)
        added = [row["full_name"] for row in found if row["full_name"] not in head()]
        owner.statements(f"DROP TABLE {name} SYNC" for name in added)
        if not _is_at_head(owner, found, known):
            owner.statements(f"DROP DATABASE IF EXISTS {name} SYNC" for name in _DATABASES)
            migrate(read_migrations(asset("clickhouse/migrations")), owner)
            found = owner.query(_TABLES)
        _empty(owner, [row for row in found if row["full_name"] not in added], known)
    finally:
        owner.close()


def empty_tables(owner_url: str, names: Collection[str]) -> None:
    """Leave these tables without rows and tokens; their schema is not looked at."""
    owner = ClickHouse(owner_url)
    try:
        found = [row for row in owner.query(_TABLES) if row["full_name"] in names]
        _empty(owner, found, _known.setdefault(owner_url, _Known()))
    finally:
        owner.close()


def _is_at_head(owner: ClickHouse, found: Iterable[Any], known: _Known) -> bool:
    wanted = head()
    rows = {row["full_name"]: row for row in found if row["full_name"] in wanted}
    migrations = len(read_migrations(asset("clickhouse/migrations")))
    if rows.keys() != wanted.keys() or rows[_KEPT]["total_rows"] != migrations:
        return False
    stamps = {name: (row["id"], row["changed_at"]) for name, row in rows.items()}
    doubtful = [name for name, stamp in stamps.items() if known.statements.get(name) != stamp]
    settled = time.time() - _SETTLED_S
    if doubtful and statements(owner, doubtful) != {name: wanted[name] for name in doubtful}:
        return False
    known.statements.update({name: stamps[name] for name in doubtful if stamps[name][1] < settled})
    return True


def _empty(owner: ClickHouse, found: Iterable[Any], known: _Known) -> None:
    """`TRUNCATE` forgets the tokens too, so what counts is whether anything was written, not whether rows are there."""
    for row in found:
        name, engine = row["full_name"], row["engine"]
        if name == _KEPT or not (engine.endswith("MergeTree") or engine == "Memory"):
            continue
        if engine == "Memory":
            owner.execute(f"TRUNCATE TABLE {name}")
        elif known.contents.get(name) != (row["id"], _content(row["data_paths"][0])):
            owner.execute(f"TRUNCATE TABLE {name} SYNC")
            content = _content(row["data_paths"][0])
            known.contents.pop(name, None)
            if {entry for entry, *_ in content if "/" not in entry} <= _ALWAYS_THERE:
                known.contents[name] = (row["id"], content)


def _content(folder: str) -> Content:
    """Names, sizes and times of the folder's entries and of the logs of tokens."""
    found = [(entry.name, entry.stat()) for entry in os.scandir(folder)]
    logs = Path(folder) / "deduplication_logs"
    if logs.is_dir():
        found += [(f"{logs.name}/{entry.name}", entry.stat()) for entry in os.scandir(logs)]
    return frozenset((name, stat.st_size, stat.st_mtime_ns) for name, stat in found)
