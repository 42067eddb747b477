"""Every SQL file is parsed by the real engine, says what one row is, and names only what the schema has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse

ROOT = Path(__file__).resolve().parents[2] / "clickhouse" / "sql"
FILES = sorted(ROOT.rglob("*.sql"))

_SAMPLES = {
    "UUID": "'00000000-0000-0000-0000-000000000000'", "String": "'x'", "Bool": "true", "Date": "'2026-01-01'",
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT).with_suffix("")))
def test_a_file_begins_with_what_it_does(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("-- "), "Begin with a comment that says what one row is, or what the statement does."
    assert first.endswith("."), "The first comment is a sentence."


@pytest.mark.stack
def test_the_engine_parses_every_file(warehouse: ClickHouse) -> None:
    for path in FILES:
        text = re.sub(r"\{\w+:Identifier\}", "x", path.read_text())
        text = re.sub(r"\{\w+:([^}]+)\}", _literal, text)
        try:
            warehouse.query("SELECT formatQuery({sql:String}) AS formatted", {"sql": text.strip().rstrip(";")})
        except Exception as error:
            raise AssertionError(f"{path.relative_to(ROOT)}: {error}") from error


def _literal(match: re.Match[str]) -> str:
    kind = match[1]
    if kind.startswith("Array"):
        return "[]"
    return _SAMPLES.get(kind.partition("(")[0], "'2026-01-01 00:00:00'" if kind.startswith("DateTime") else "1")
