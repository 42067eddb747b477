"""Run the quality checks, keep what they find, and tell it so that a person can act."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.core.checks import MAX_OFFENDING, Check, CheckKind, Severity, parse_check
from headwater.errors import HeadwaterError
from headwater.ports import Clock, Database

_SAMPLE_ROWS = 5


class CheckFailed(HeadwaterError):
    """A check of severity `fail` found offending rows."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check; `offending` stops counting at `MAX_OFFENDING`."""

    check: Check
    offending: int
    sample: str

    @property
    def passed(self) -> bool:
        """No offending row."""
        return self.offending == 0

    @property
    def failed(self) -> bool:
        """Offending rows, and a severity that does not let them pass."""
        return not self.passed and self.check.severity is Severity.FAIL

    def describe(self) -> str:
        """One line for logs and reports."""
        if self.passed:
            return f"ok    {self.check.name}"
        count = f"{MAX_OFFENDING} or more" if self.offending >= MAX_OFFENDING else str(self.offending)
        return (
            f"{self.check.severity.value.upper():5} {self.check.name}: {count} offending rows. {self.check.grain} "
            f"{self.check.help} First rows: {self.sample}"
        )


def read_checks(folder: Path, kinds: Iterable[CheckKind] = tuple(CheckKind)) -> list[Check]:
    """All checks of the given kinds below `clickhouse/sql/quality`, in a fixed order."""
    return [
        parse_check(kind, path.stem, path.read_text())
        for kind in kinds
        for path in sorted((folder / kind.value).glob("*.sql"))
    ]


def run_checks(checks: Sequence[Check], run_id: str, database: Database, clock: Clock) -> list[CheckResult]:
    """Run the checks and keep each outcome in `ops.quality_results`, once for each run and check."""
    results = []
    for check in checks:
        rows = database.rows(check.sql_name, as_of=clock.now())
        sample = json.dumps([dict(row) for row in rows[:_SAMPLE_ROWS]], default=str)
        result = CheckResult(check, len(rows), sample if rows else "")
        database.run(
            "ops/quality_result",
            token=f"quality:{run_id}:{check.name}:{len(rows)}",
            run_id=run_id,
            checked_at=clock.now(),
            kind=check.kind.value,
            check_name=check.name,
            owner=check.table,
            severity=check.severity.value,
            passed=result.passed,
            offending=result.offending,
            sample=result.sample,
            help=check.help,
        )
        results.append(result)
    return results


def demand(results: Sequence[CheckResult]) -> None:
    """Raises `CheckFailed` naming every check of severity `fail` that found something."""
    failed = [result for result in results if result.failed]
    if failed:
        raise CheckFailed("\n".join([f"{len(failed)} checks failed:", *(r.describe() for r in failed)]))
