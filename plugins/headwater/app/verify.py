"""Prove every invariant on the running platform, one line each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from headwater.app.check import read_checks, run_checks
from headwater.app.reconcile import reconcile
from headwater.assets import asset
from headwater.contracts.streams import STREAMS
from headwater.core.checks import Severity
from headwater.core.proofs import ACCOUNTS, INGESTION, PROVEN
from headwater.errors import Stop
from headwater.ports import Clock, Database, EventLog

_STAGING_LOOK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Invariant:
    """One invariant: its query below `clickhouse/sql`, whether it holds, and that in words with the numbers."""

    name: str
    query: str
    holds: bool
    severity: str
    says: str

    @property
    def is_broken(self) -> bool:
        """It does not hold, and that is no mere warning."""
        return not self.holds and self.severity == Severity.FAIL.value


def verify(run_id: str, log: EventLog, database: Database, clock: Clock) -> list[Invariant]:
    """Look at all of them, also after one that does not hold; checks are kept in `ops.quality_results`."""
    found = [_of_stream(name, log, database, clock) for name in STREAMS]
    for row in database.rows(ACCOUNTS.sql_name, since=clock.now() - _STAGING_LOOK):
        says = (
            f"{row['account']}: {row['came']:,} = {row['facts']:,} facts + {row['waiting']:,} waiting + "
            f"{row['quarantined']:,} in quarantine + {row['erased']:,} erased"
        )
        found.append(Invariant(row["account"], ACCOUNTS.sql_name, bool(row["balances"]), "fail", says))
    checks = read_checks(asset("clickhouse/sql/quality"), PROVEN)
    for result in run_checks(checks, run_id, database, clock):
        check = result.check
        says = check.name if result.passed else result.describe()[6:]
        found.append(Invariant(check.name, check.sql_name, result.passed, check.severity.value, says))
    return found


def _of_stream(name: str, log: EventLog, database: Database, clock: Clock) -> Invariant:
    try:
        books = reconcile(STREAMS[name], log, database, clock)
    except Stop as error:
        return Invariant(f"conservation of {name}", INGESTION.sql_name, holds=False, severity="fail", says=str(error))
    rows = sum(b.staged + b.dead_letters + b.heartbeats for b in books)
    says = f"I1 conservation of {name}: {sum(b.messages for b in books):,} messages = {rows:,} rows in the tables"
    return Invariant(f"conservation of {name}", INGESTION.sql_name, holds=True, severity="fail", says=says)
