"""What `headwater verify` proves: everything holds where all is well, and each account tells what is missing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headwater.app.check import read_checks
from headwater.app.verify import verify
from headwater.assets import asset
from headwater.contracts.streams import STREAMS
from headwater.core.proofs import PROVEN
from tests.sql.test_closing import accounts
from tests.support.events import an_id, browser, device, geo, location
from tests.support.staging import Stage

pytestmark = pytest.mark.stack

SYNC = "SETTINGS mutations_sync = 2"
BOOKS, STAGED, FACTS, QUARANTINE, WAITING = (
    "staged events by the books", "events that staging holds", "facts: built, less what was taken out, retired or erased",
    "quarantine: booked by plans", "events that wait: booked by the last plan",
)  # fmt: skip
# What is lost, one after the other, and the accounts that do not balance from then on.
LOSSES = {
    f"ALTER TABLE ops.plans_done UPDATE repeats = repeats + 1 WHERE 1 {SYNC}": {BOOKS},
    f"ALTER TABLE ops.quarantine DELETE WHERE 1 {SYNC}": {QUARANTINE},
    f"ALTER TABLE ops.waiting DELETE WHERE kind = 'event' {SYNC}": {STAGED, WAITING},
    f"ALTER TABLE analytics.fact_events DELETE WHERE event_id = toUUID('{an_id('e2')}') {SYNC}": {FACTS},
}


def test_all_invariants_are_proved_and_broken_ones_are_told(stage: Stage) -> None:
    stage.send("browser", browser("e1"), browser("e1"), browser("e1", browser_name="Other"), browser("e2"), b"nothing")
    stage.send("browser", browser("waits", click="unknown"))
    stage.send("device", device())
    stage.send("geo", geo())
    stage.send("location", location("e1"), location("e2"))
    stage.build()
    stage.clock.moment += timedelta(minutes=1)
    proofs = verify("first", stage.log, stage.db, stage.clock)
    names = {f"conservation of {name}" for name in STREAMS} | {BOOKS, STAGED, FACTS, QUARANTINE, WAITING}
    names |= {check.name for check in read_checks(asset("clickhouse/sql/quality"), PROVEN)}
    assert {proof.name for proof in proofs} == names
    assert [proof.says for proof in proofs if not proof.holds] == []

    stage.db.statements([f"ALTER TABLE analytics.events_browser_raw DELETE WHERE offset = 0 {SYNC}"])
    proofs = verify("second", stage.log, stage.db, stage.clock)
    assert {proof.name for proof in proofs} == names, "it looks at all of them, whatever it has found"
    assert {proof.name for proof in proofs if proof.is_broken} == {
        "conservation of browser",
        "staged_rows_equal_the_books",
    }

    lost: set[str] = set()
    for statement, broken in LOSSES.items():
        stage.db.statements([statement])
        lost |= broken
        assert {name for name, row in accounts(stage).items() if not row[-1]} == lost, statement
