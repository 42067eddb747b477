"""Quality checks as files: SQL that returns offending rows, with its severity, table and help in the first comments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from headwater.errors import FixSettings

MAX_OFFENDING = 100


class CheckKind(StrEnum):
    """What a check looks for; each kind is one task of the DAG, but that volume is looked at with freshness."""

    FRESHNESS = "freshness"
    VOLUME = "volume"
    NULLS = "nulls"
    DUPLICATES = "duplicates"
    REFERENTIAL_INTEGRITY = "referential_integrity"
    CONSISTENCY = "consistency"


class Severity(StrEnum):
    """Whether offending rows fail the task or only warn."""

    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One check; `sql_name` is its file below `clickhouse/sql`, `grain` says what one offending row is."""

    kind: CheckKind
    name: str
    severity: Severity
    table: str
    grain: str
    help: str

    @property
    def sql_name(self) -> str:
        """Name for the port `Database`."""
        return f"quality/{self.kind.value}/{self.name}"


_HEAD = re.compile(
    r"\A-- (?P<grain>[^\n]+)\n-- severity: (?P<severity>warn|fail)\n"
    r"-- table: (?P<table>[a-z_.]+)\n-- help: (?P<help>[^\n]+)\n"
)


def parse_check(kind: CheckKind, name: str, text: str) -> Check:
    """Read the first comments of a check's file. Raises `FixSettings` naming what is missing."""
    match = _HEAD.match(text)
    if match is None or not text.rstrip().endswith(f"LIMIT {MAX_OFFENDING}"):
        raise FixSettings(
            f"clickhouse/sql/quality/{kind.value}/{name}.sql must begin with comments that say what one row is, then "
            f"`severity: warn|fail`, `table: …` and `help: …`, and end with LIMIT {MAX_OFFENDING}."
        )
    return Check(kind, name, Severity(match["severity"]), match["table"], match["grain"], match["help"])
