"""Evaluate the alerts: SQL files that return a row for whatever somebody should look at now."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.errors import FixSettings
from headwater.ports import Clock, Database, Mail

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


def tell(states: Sequence[AlertState], run_id: str, database: Database, mail: Mail) -> bool:
    """Send one letter about what began or ended since another run looked; says whether there was something to tell.

    Asked again for the same run, it tells the same.
    """
    rows = database.rows("ops/alerts_before", run_id=run_id)
    letter = letter_of(states, {str(row["alert"]): tuple(row["subjects"]) for row in rows})
    if letter is None:
        return False
    mail.send(letter.subject, letter.text)
    return True


@dataclass(frozen=True, slots=True)
class Letter:
    """What is new about the alerts."""

    subject: str
    text: str


def letter_of(states: Sequence[AlertState], before: Mapping[str, tuple[str, ...]]) -> Letter | None:
    """The letter about alerts that fire for something new or have ended; `before` are their subjects last time."""
    begun = [state for state in states if set(state.subjects) - set(before.get(state.alert.name, ()))]
    ended = [state for state in states if not state.firing and before.get(state.alert.name)]
    still = [state for state in states if state.firing and state not in begun]
    if not begun and not ended:
        return None
    parts = [f"{state.alert.name}: {state.message}\nWhat to do: {state.alert.help}" for state in begun]
    parts += [f"{state.alert.name}: has ended." for state in ended]
    parts += [f"{state.alert.name}: goes on. {state.message}" for state in still]
    heads = [("fires", begun), ("has ended", ended)]
    subject = "; ".join(f"{', '.join(each.alert.name for each in named)} {word}" for word, named in heads if named)
    return Letter(f"Headwater: {subject}", "\n\n".join([*parts, "See the dashboard Platform Health."]) + "\n")
