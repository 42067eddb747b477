"""Each alert fires at what it is for, and is quiet otherwise; outcomes are kept once and seen as states."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from headwater.app.alerts import evaluate, read_alerts, tell
from headwater.errors import FixSettings
from tests.support.events import browser, device, geo, location
from tests.support.staging import Stage

pytestmark = pytest.mark.stack

ALERTS = read_alerts(Path(__file__).resolve().parents[2] / "clickhouse" / "sql" / "alerts")


def _firing(stage: Stage, run_id: str = "test") -> dict[str, str]:
    return {
        state.alert.name: state.message for state in evaluate(ALERTS, run_id, stage.db, stage.clock) if state.firing
    }


def _healthy(stage: Stage) -> None:
    now = stage.clock.now()
    stage.send("browser", *[browser(f"e{n}", at=f"{now:%Y-%m-%d %H:%M:%S}") for n in range(120)])
    stage.send("device", device())
    stage.send("geo", geo())
    stage.send("location", *[location(f"e{n}") for n in range(120)])
    stage.build()


def _purchases(stage: Stage, latest: int, usual: int) -> None:
    hour = stage.clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    for days, count in [(0, latest), *((day, usual) for day in range(1, 8))]:
        stage.db.statements(
            [
                (
                    f"INSERT INTO ops.purchases (hour, user_key) SELECT toDateTime('{hour - timedelta(days=days):%F %T}', 'UTC'),"
                    f" number FROM numbers({count})"
                )
            ]
        )


def test_nothing_fires_where_all_is_well(stage: Stage) -> None:
    _healthy(stage)
    _purchases(stage, latest=8, usual=12)
    assert _firing(stage) == {}


def test_no_event_for_over_two_hours_fires(stage: Stage) -> None:
    assert _firing(stage)["no_fresh_events"] == "There is no event at all."
    _healthy(stage)
    stage.clock.moment += timedelta(hours=2, minutes=1)
    assert "The newest event is of" in _firing(stage)["no_fresh_events"]


def test_a_failing_check_fires_and_one_that_warns_does_not(stage: Stage) -> None:
    _healthy(stage)
    for name, severity, passed in (("old", "fail", 0), ("old", "fail", 1), ("soft", "warn", 0), ("hard", "fail", 0)):
        stage.clock.moment += timedelta(seconds=1)
        stage.db.run(
            "ops/quality_result", run_id="r", checked_at=stage.clock.now(), kind="nulls", check_name=name, owner="t",
            severity=severity, passed=bool(passed), offending=1 - passed, sample="", help="",
        )  # fmt: skip
    assert list(_firing(stage)) == ["quality_check_fails"]
    assert _firing(stage)["quality_check_fails"] == "hard has 1 offending rows in t."


def test_many_dead_letters_of_the_last_hour_fire(stage: Stage) -> None:
    _healthy(stage)
    stage.send("geo", *[geo(f"g{n}") for n in range(94)], *[b"broken"] * 7)
    assert _firing(stage) == {"many_dead_letters": "geo_events: 6.9% of 102 messages were refused."}
    stage.clock.moment += timedelta(hours=2)
    assert "many_dead_letters" not in _firing(stage)


def test_less_than_half_the_usual_purchases_fire(stage: Stage) -> None:
    _healthy(stage)
    _purchases(stage, latest=5, usual=12)
    assert list(_firing(stage)) == ["purchases_drop"]
    assert "5 purchases from" in _firing(stage)["purchases_drop"]


def test_a_few_purchases_more_or_less_say_nothing(stage: Stage) -> None:
    _healthy(stage)
    _purchases(stage, latest=0, usual=9)
    assert _firing(stage) == {}


def test_outcomes_are_kept_once_for_each_run_and_states_show_the_latest(stage: Stage) -> None:
    _firing(stage, "first")
    _firing(stage, "first")
    assert stage.db.query("SELECT count() AS n FROM ops.alerts")[0]["n"] == len(ALERTS)
    _healthy(stage)
    stage.clock.moment += timedelta(minutes=1)
    _firing(stage, "second")
    states = stage.db.query("SELECT alert, is_firing FROM ops.alert_states ORDER BY alert")
    assert [(row["alert"], bool(row["is_firing"])) for row in states] == [(alert.name, False) for alert in ALERTS]


class _Letters:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.subjects: list[str] = []

    def send(self, subject: str, text: str) -> None:
        self.subjects.append(subject)


def test_a_letter_tells_what_is_new_since_another_run_and_again_for_the_same(stage: Stage) -> None:
    box = _Letters()

    def run(run_id: str) -> bool:
        stage.clock.moment += timedelta(minutes=1)
        return tell(evaluate(ALERTS, run_id, stage.db, stage.clock), run_id, stage.db, box)

    assert [run("first"), run("first"), run("second")] == [True, True, False]
    _healthy(stage)
    assert [run("third"), run("fourth")] == [True, False]
    fires, ends = "Headwater: no_fresh_events fires", "Headwater: no_fresh_events has ended"
    assert box.subjects == [fires, fires, ends]


def test_a_definition_without_its_help_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.sql").write_text("-- One row always.\nSELECT 1\n")
    with pytest.raises(FixSettings, match="help"):
        read_alerts(tmp_path)
