"""The schema as it stands in the database, as one readable file."""

from __future__ import annotations

from headwater.ports import Database

_HEAD = "-- The schema at the head of the migrations. Written by `headwater schema`; not edited by hand.\n"


def snapshot(database: Database) -> str:
    """Every table and view of `analytics` and `ops` as its CREATE statement, in the order of their names."""
    return _HEAD + "".join(f"\n{row['statement']};\n" for row in database.rows("ops/schema"))
