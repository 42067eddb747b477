"""Bring the schema up to date: numbered migrations, forward only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.errors import Stop
from headwater.ports import Database

_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `clickhouse/migrations`."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Of the file's text: a migration that was applied must not change."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """Statements in order; each ends with a semicolon at the end of a line."""
        parts = re.split(r";[ \t]*$", self.text, flags=re.MULTILINE)
        return [part.strip() for part in parts if _has_sql(part)]


def _has_sql(text: str) -> bool:
    return any(line.strip() and not line.strip().startswith("--") for line in text.splitlines())


def read_migrations(folder: Path) -> list[Migration]:
    """All migrations of a folder, by number. Raises `Stop` when a number is missing or stands twice."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            raise Stop(f"{path} is not named like 0001_what_it_does.sql.")
        found.append(Migration(int(match[1]), match[2], path.read_text()))
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise Stop(f"The migrations in {folder} are not numbered 1, 2, 3 … without gaps: {numbers}.")
    return found


def migrate(migrations: Sequence[Migration], database: Database) -> list[Migration]:
    """Apply what is new; returns it. Statements are written so that a killed migration can run again.

    Raises `Stop` when a migration that was applied has another text now.
    """
    applied = _applied(database)
    new = []
    for migration in migrations:
        if migration.number in applied:
            if applied[migration.number] != migration.sha256:
                raise Stop(
                    f"Migration {migration.number:04d}_{migration.name} was changed after it was applied. "
                    "Restore the file and write a new migration."
                )
            continue
        database.statements(migration.statements)
        database.run(
            "ops/record_migration",
            token=f"migration:{migration.number}",
            number=migration.number,
            name=migration.name,
            sha256=migration.sha256,
        )
        new.append(migration)
    return new


def pending(migrations: Sequence[Migration], database: Database) -> list[Migration]:
    """Those that were not applied yet."""
    applied = _applied(database)
    return [migration for migration in migrations if migration.number not in applied]


def _applied(database: Database) -> dict[int, str]:
    exists = database.query("SELECT count() AS n FROM system.tables WHERE database = 'ops' AND name = 'migrations'")
    if not exists[0]["n"]:
        return {}
    return {row["number"]: row["sha256"] for row in database.rows("ops/migrations")}
