"""Write the dimensions anew from the days of users and places, and put them in place at once."""

from __future__ import annotations

from uuid import uuid4

from headwater.ports import Database

# An update takes seconds, so a table that old was left by one that was killed.
_LEFT_AFTER_S = 3600


def update_dimension(name: str, database: Database) -> int:
    """Rebuild `analytics.<name>` (`dim_users` or `dim_geo`) in a shadow table and exchange it; returns its rows.

    It is no plan, so an erasure or correction may end meanwhile; then it is done again, for it may have read days of
    before and put back what is gone.
    """
    for left in database.rows("build/left_dimensions", table=name):
        if int(left["age_s"]) >= _LEFT_AFTER_S:
            database.run("build/drop_shadow", target=left["name"])
    while True:
        before = database.rows("build/last_change")
        _write_anew(name, database)
        if database.rows("build/last_change") == before:
            return int(database.rows("build/count_rows", table=name)[0]["rows"])


def _write_anew(table: str, database: Database) -> None:
    shadow = f"{table}_{uuid4().hex}"
    try:
        database.run(f"build/shadow_{table}", target=shadow)
        database.run(f"build/{table}", target=shadow)
        database.run("build/exchange", target=shadow, table=table)
    finally:
        database.run("build/drop_shadow", target=shadow)
