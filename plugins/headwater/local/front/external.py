"""Tables that a client sends along with its query, as files of a multipart form."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headwater.local.front.engine import Connection, literal, quoted_name
from headwater.local.front.problems import Problem
from headwater.local.front.spool import Spooled

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PARTS_OF_TABLE = {"type", "table", "table_ast", "is_temporary", "columns_list"}
_PARTS_OF_COLUMN = {"type", "name", "data_type"}


@dataclass(frozen=True)
class ExternalTable:
    """One table, alive for one query."""

    name: str
    structure: str
    format: str
    rows: Spooled

    def load(self, connection: Connection) -> None:
        """Make it a temporary table of the connection."""
        if not (_NAME.fullmatch(self.name) and _NAME.fullmatch(self.format)):
            raise Problem(36, f"The external table {self.name!r} needs a plain name and a format", 400)
        name = quoted_name(self.name)
        create = f"CREATE TEMPORARY TABLE {name} ({self.structure}\n)"
        if not _is_only_columns(connection, create):
            raise Problem(36, f"The structure of the external table {self.name} may hold names and types only", 400)
        connection.run(create, "Null")
        path = literal(str(self.rows.path))
        connection.run(f"INSERT INTO {name} FROM INFILE {path} COMPRESSION 'none' FORMAT {self.format}")


def _is_only_columns(connection: Connection, create: str) -> bool:
    """Whether the parsed statement has nothing but names and types: no defaults, no source, no engine."""
    if connection.classify(create)[1] != 1:
        return False
    tree = connection.parsed(create)
    if tree["type"] != "CreateQuery" or {key for key, value in tree.items() if value} - _PARTS_OF_TABLE:
        return False
    columns = tree["columns_list"]
    return not {key for key, value in columns.items() if value} - {"type", "columns"} and all(
        not {key for key, value in column.items() if value} - _PARTS_OF_COLUMN
        for column in columns["columns"]["children"]
    )


def structure_of(types: str) -> str:
    """Columns _1, _2, … for a list of types; commas inside brackets belong to a type."""
    depth, part, parts = 0, "", []
    for char in types:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += char
    return ", ".join(f"_{number} {kind.strip()}" for number, kind in enumerate([*parts, part], 1))
