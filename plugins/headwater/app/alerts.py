"""Evaluate the alerts: SQL files that return a row for whatever somebody should look at now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.errors import FixSettings
from headwater.ports import Clock, Database

_HEAD = re.compile(r"\A-- (?P<when>[^\n]+)\n-- help: (?P<help>[^\n]+)\n")


@dataclass(frozen=True, slots=True)
class Alert:
    """One definition; its file is `clickhouse/sql/alerts/<name>.sql`."""

    name: str
    when: str
    help: str


@dataclass(frozen=True, slots=True)
class AlertState:
    """What one alert found."""

    alert: Alert
    subjects: tuple[str, ...]
    message: str

    @property
    def firing(self) -> bool:
        """Whether somebody should look."""
        return bool(self.subjects)


def read_alerts(folder: Path) -> list[Alert]:
    """All definitions. Raises `FixSettings` naming a file without its first two comments."""
    alerts = []
    for path in sorted(folder.glob("*.sql")):
        head = _HEAD.match(path.read_text(encoding="utf-8"))
        if head is None:
            raise FixSettings(
                f"{path} must begin with comments that say what one row is and, after `help:`, what to do."
            )
        alerts.append(Alert(path.stem, head["when"], head["help"]))
    return alerts


def evaluate(alerts: Sequence[Alert], run_id: str, database: Database, clock: Clock) -> list[AlertState]:
    """Evaluate each alert now and keep the outcome in `ops.alerts`, once for each run and outcome."""
    states = []
    for alert in alerts:
        rows = database.rows(f"alerts/{alert.name}", as_of=clock.now())
        subjects = tuple(str(row["subject"]) for row in rows)
        state = AlertState(alert, subjects, " ".join(str(row["message"]) for row in rows))
        database.run(
            "ops/save_alert",
            token=f"alert:{run_id}:{alert.name}:{','.join(subjects)}",
            run_id=run_id,
            evaluated_at=clock.now(),
            alert=alert.name,
            firing=state.firing,
            subjects=list(subjects),
            message=state.message,
            help=alert.help,
        )
        states.append(state)
    return states
