"""Tables that a client sends along with its query, as files of a multipart form."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headwater.local.front.engine import Connection, quoted_name
from headwater.local.front.problems import Problem
from headwater.local.front.spool import Spooled

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_STRUCTURE = re.compile(r"[\w\s,()'`.:+-]*", re.ASCII)


@dataclass(frozen=True)
class ExternalTable:
    """One table, alive for one query."""

    name: str
    structure: str
    format: str
    rows: Spooled

    def load(self, connection: Connection) -> None:
        """Make it a temporary table of the connection."""
        if not (_NAME.fullmatch(self.name) and _NAME.fullmatch(self.format) and _STRUCTURE.fullmatch(self.structure)):
            raise Problem(36, f"The external table {self.name!r} needs a plain name, a format and a structure", 400)
        name = quoted_name(self.name)
        connection.run(f"CREATE TEMPORARY TABLE {name} ({self.structure})", "Null")
        connection.run(f"INSERT INTO {name} FROM INFILE '{self.rows.path}' COMPRESSION 'none' FORMAT {self.format}")


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
