"""The reference of the warehouse: a diagram and a section per table, from the schema, the contract and our own list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headwater.contracts.streams import STREAMS
from headwater.core.column_meanings import MEANINGS, RELATIONS

_HEAD = """# The tables of the warehouse

Written by `headwater reference` from `clickhouse/schema.sql`, the contract and `headwater/core/column_meanings.py`; not
edited by hand. `analytics` is for people and dashboards, `ops` holds the platform's own books. [Marts](../marts.md) and
other views are described on their own pages.

"""
_TABLE = re.compile(r"^CREATE TABLE (\w+)\.(\w+)\n\(\n(.*?)\n\)\nENGINE = `?(\w+)`?(.*?);$", re.DOTALL | re.MULTILINE)
_COLUMN = re.compile(r"^    `(\w+)` (.*?)(?: COMMENT '((?:[^'\\]|\\.)*)')?(?: CODEC\(.*\))?,?$")
_PURPOSE = re.compile(r"((?:^-- .*\n)+)CREATE TABLE IF NOT EXISTS ([\w.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its type, and what it means ('' where nobody has said it)."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """One stored table."""

    database: str
    name: str
    purpose: str
    engine: str
    partition: str
    order: str
    kept: str
    columns: Sequence[Column]


def read_tables(schema: str, migrations: str) -> list[Table]:
    """The tables of a schema snapshot that hold rows; their purposes are the comments of the migrations."""
    purposes = {name: " ".join(text.replace("-- ", "").split()) for text, name in _PURPOSE.findall(migrations)}
    contract = {field.name: field.description for s in reversed(list(STREAMS.values())) for field in s.fields}
    return [
        Table(
            database,
            name,
            purposes.get(f"{database}.{name}", ""),
            engine,
            _clause("PARTITION BY", tail),
            _clause("ORDER BY", tail),
            _clause("TTL", tail),
            list(_columns(name, body, contract)),
        )
        for database, name, body, engine, tail in _TABLE.findall(schema)
        if engine != "Null"
    ]


def warehouse_page(tables: Sequence[Table]) -> str:
    """The page, in Markdown with a Mermaid diagram."""
    return _HEAD + _diagram(tables) + "".join(_section(table) for table in tables)


def _columns(table: str, body: str, contract: dict[str, str]) -> Iterator[Column]:
    for line in body.splitlines():
        match = _COLUMN.match(line)
        if match is None:
            continue
        name, kind, comment = match.groups()
        said = (comment or "").replace("\\'", "'")
        meaning = said or MEANINGS.get(f"{table}.{name}") or contract.get(name) or MEANINGS.get(name, "")
        yield Column(name, kind.partition(" MATERIALIZED")[0], meaning.rstrip("."))


def _clause(word: str, tail: str) -> str:
    match = re.search(rf"^{word} (.*)$", tail, re.MULTILINE)
    return match[1] if match else ""


def _diagram(tables: Sequence[Table]) -> str:
    named = {table.name: table for table in tables}
    lines = ["```mermaid", "erDiagram"]
    shown = dict.fromkeys(name for relation in RELATIONS for name in relation[:2])
    for name in shown:
        lines.append(f"    {name} {{")
        keys = [c for c in named[name].columns if c.name in {r[2] for r in RELATIONS if name in r[:2]}]
        lines += [f"        {re.sub(r'[^A-Za-z0-9]+', '_', column.type).strip('_')} {column.name}" for column in keys]
        lines.append("    }")
    lines += [f"    {left} ||--o{{ {right} : {by}" for left, right, by in RELATIONS]
    return "\n".join([*lines, "```", ""])


def _section(table: Table) -> str:
    facts = [f"`{table.engine}`"]
    for label, text in (("partition", table.partition), ("order", table.order), ("kept", table.kept)):
        if text:
            facts.append(f"{label} `{text}`")
    rows = "".join(f"| `{c.name}` | `{c.type}` | {_cell(c.meaning)} |\n" for c in table.columns)
    return (
        f"\n## {table.database}.{table.name}\n\n{table.purpose}\n\n{'; '.join(facts)}.\n\n"
        f"| column | type | meaning |\n|---|---|---|\n{rows}"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
