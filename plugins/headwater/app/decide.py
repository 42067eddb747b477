"""Things that are decided once for the life of a platform, whoever asks first."""

from __future__ import annotations

from headwater.ports import Clock, Database


def decide(database: Database, clock: Clock, name: str, proposal: str) -> str:
    """Returns the decision that stands under `name`; `proposal` becomes it when there is none."""
    database.run("ops/decide", token=f"decision:{name}", name=name, value=proposal, decided_at=clock.now())
    rows = database.rows("ops/decision", name=name)
    return str(rows[0]["value"]) if rows else proposal
