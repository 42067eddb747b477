"""The tables of `clickhouse/schema.sql` with their columns and types, read from its text."""

from __future__ import annotations

import re
from collections.abc import Mapping

_STATEMENT = re.compile(
    r"^CREATE (?:TABLE|VIEW|MATERIALIZED VIEW) (?P<name>[\w.]+)[^\n(]*\n(?:DEFINER[^\n]*\n)?\(\n(?P<columns>.*?)\n\)",
    re.MULTILINE | re.DOTALL,
)
_COLUMN = re.compile(r"^    `(?P<name>\w+)` (?P<type>.*(?:\n {8,}.*)*)", re.MULTILINE)
_AFTER_TYPE = re.compile(r" (?:COMMENT|CODEC|DEFAULT|MATERIALIZED|ALIAS)\b.*", re.DOTALL)


def tables_of(schema: str) -> Mapping[str, Mapping[str, str]]:
    """Types by column by table, such as `{"ops.claims": {"topic": "LowCardinality(String)"}}`."""
    return {
        found["name"]: {
            column["name"]: re.sub(r"\s+", " ", _AFTER_TYPE.sub("", column["type"])).rstrip(",").strip()
            for column in _COLUMN.finditer(found["columns"])
        }
        for found in _STATEMENT.finditer(schema)
    }
