"""Write the dimensions anew from the days of users and places, and put them in place at once."""

from __future__ import annotations

from uuid import uuid4

from headwater.ports import Database


def update_dimension(name: str, database: Database) -> int:
    """Rebuild `analytics.<name>` (`dim_users` or `dim_geo`) in a shadow table and exchange it; returns its rows."""
    table, shadow = name, f"{name}_{uuid4().hex}"
    try:
        database.run(f"build/shadow_{name}", target=shadow)
        database.run(f"build/{name}", target=shadow)
        database.run("build/exchange", target=shadow, table=table)
    finally:
        database.run("build/drop_shadow", target=shadow)
    return int(database.rows("build/count_rows", table=table)[0]["rows"])
