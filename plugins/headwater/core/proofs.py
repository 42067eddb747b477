"""The page that says why the numbers are right: each invariant in words, and the query that proves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headwater.core.checks import Check, CheckKind, Severity

_HEAD = """# Why the numbers are right

Written by `headwater reference` from the queries in `clickhouse/sql`; not edited by hand. `headwater verify` runs every
one of them on the running platform and prints a line each; the DAGs run those that are checks after each build and
every hour. How the platform keeps these promises when something dies is told in [exactly once](exactly-once.md) and
[corrections](corrections.md).

The chain of the argument: every message that Kafka handed out stands in one table once (1); every staged event is a
fact, waits, or is accounted for (2); every fact stands once; and what is counted is counted from the facts (3).
Parameters such as `{as_of:…}` are set by the command; any of the queries can be pasted into `headwater sql`.
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """One invariant that is no quality check: its query below `clickhouse/sql`, and what it says."""

    sql_name: str
    title: str
    words: str


INGESTION = Proof(
    "ops/reconcile",
    "Every message that Kafka handed out stands in the tables once",
    "Per topic id and partition: claims follow on each other without a gap, each is booked with as many rows as it has "
    "messages, and the rows that no retention has removed, with those that an erasure took out, are as many as the "
    "books say.",
)
ACCOUNTS = Proof(
    "correct/accounts",
    "Every staged event is accounted for",
    "Over all plans ever: events that came, less equal repeats, are facts, wait, are in quarantine, or were erased; "
    "facts that were built, less those taken out, retired or erased, stand; every id that staging holds is in one of "
    "these places.",
)


def proofs_page(checks: Sequence[Check], texts: Mapping[str, str]) -> str:
    """The page; `texts` holds the SQL by its name below `clickhouse/sql`."""
    parts = ["\n## 1. What comes in\n", _section(INGESTION.title, INGESTION.words, texts[INGESTION.sql_name])]
    parts += [_of_check(check, texts) for check in checks if check.table in ("ops.claims", "ops.stored")]
    parts += ["\n## 2. What becomes of it\n", _section(ACCOUNTS.title, ACCOUNTS.words, texts[ACCOUNTS.sql_name])]
    parts += [_of_check(check, texts) for check in checks if check.table in ("ops.plans", "ops.plans_done")]
    rest = [check for check in checks if check.table not in ("ops.claims", "ops.stored", "ops.plans", "ops.plans_done")]
    parts.append("\n## 3. What is counted\n")
    parts += [_of_check(check, texts) for check in rest]
    return _HEAD + "".join(parts)


PROVEN = (CheckKind.DUPLICATES, CheckKind.REFERENTIAL_INTEGRITY, CheckKind.CONSISTENCY)


def _of_check(check: Check, texts: Mapping[str, str]) -> str:
    severity = "" if check.severity is Severity.FAIL else " It only warns."
    words = f"No rows of this kind: {check.grain[0].lower()}{check.grain[1:]} {check.help}{severity}"
    return _section(check.name.replace("_", " ").capitalize(), words, texts[check.sql_name])


def _section(title: str, words: str, sql: str) -> str:
    return f"\n### {title}\n\n{words}\n\n```sql\n{sql.strip()}\n```\n"
