"""Interactions once: what the build makes of the stream of the HTTP collector."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from headwater.app.build import Build, BuildLimits
from headwater.assets import asset
from tests.support.dying import Killed, Stepping
from tests.support.events import an_id, interaction
from tests.support.front import Front
from tests.support.staging import START, Stage

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]


def _ids(stage: Stage) -> list[str]:
    rows = stage.db.query("SELECT toString(event_id) AS id FROM analytics.fact_interactions ORDER BY id")
    return [row["id"] for row in rows]


def test_an_interaction_holds_what_was_done_where_and_when(stage: Stage) -> None:
    stage.send("interaction", interaction("e1", at="2026-05-01 10:00:00.25", payload='{"x":10.5}'))
    stage.build()
    row = stage.db.query(
        "SELECT * EXCEPT (created_at), toString(event_timestamp) AS at FROM analytics.fact_interactions"
    )
    assert {k: str(v) for k, v in row[0].items() if k != "event_timestamp"} == {
        "event_id": an_id("e1"), "click_id": an_id("c1"), "event_type": "click", "event_title": "Buy",
        "element_id": "buy", "x": "10.5", "y": "20.0", "page_url_path": "/cart", "payload": '{"x":10.5}', "build": "1",
        "at": "2026-05-01 10:00:00.250000",
    }  # fmt: skip


def test_a_repeat_counts_once_in_the_same_build_and_in_later_ones(stage: Stage) -> None:
    stage.send("interaction", interaction("e1"), interaction("e1"), interaction("e2"))
    stage.build()
    stage.send("interaction", interaction("e1"), interaction("e3"), interaction("e2", element_id="other"))
    stage.build()
    stage.build()
    assert _ids(stage) == sorted([an_id("e1"), an_id("e2"), an_id("e3")])
    assert stage.count("analytics.fact_interactions", "element_id = 'other'") == 0


def test_without_a_time_kafkas_time_counts_and_a_repeat_days_later_is_found(stage: Stage) -> None:
    stage.send("interaction", interaction("e1", event_timestamp=None))
    stage.build()
    stage.clock.moment += timedelta(days=2)
    stage.send("interaction", interaction("e1", event_timestamp=None))
    stage.build()
    at = stage.db.query("SELECT event_timestamp AS at FROM analytics.fact_interactions")
    assert [row["at"].replace(tzinfo=None) for row in at] == [START.replace(tzinfo=None)]


def test_history_of_many_months_is_one_build(stage: Stage) -> None:
    stage.send(
        "interaction",
        *[interaction(f"e{n}", at=f"{2005 + n // 12}-{n % 12 + 1:02}-01 00:00:00") for n in range(150)],
    )
    stage.build()
    assert len(_ids(stage)) == 150


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_build_that_dies_at_its_insert_leaves_each_interaction_once(stage: Stage, front: Front, when: str) -> None:
    stage.send("interaction", interaction("e1"), interaction("e2"), interaction("e1"))
    seen: list[int] = []

    def die(number: int, sql: str) -> None:
        if "INSERT INTO analytics.fact_interactions" in sql:
            seen.append(number)
        if seen and (when == "before" or number > seen[0]):
            raise Killed

    builder = Stepping(front.writer_url, die)
    with pytest.raises(Killed):
        Build(builder, stage.clock, BuildLimits()).run()
    builder.close()
    assert len(_ids(stage)) == (0 if when == "before" else 2)
    stage.build()
    assert _ids(stage) == sorted([an_id("e1"), an_id("e2")])


def test_the_check_finds_an_interaction_that_stands_twice(stage: Stage) -> None:
    stage.send("interaction", interaction("e1"))
    stage.build()
    check = asset("clickhouse/sql/quality/duplicates/interactions_stand_once.sql").read_text()
    assert stage.db.query(check) == []
    again = "SELECT event_id, event_timestamp, created_at, 2 FROM analytics.fact_interactions"
    stage.db.statements(
        [f"INSERT INTO analytics.fact_interactions (event_id, event_timestamp, created_at, build) {again}"]
    )
    assert [row["rows"] for row in stage.db.query(check)] == [2]


def test_the_heat_map_of_a_page_counts_clicks_in_squares(stage: Stage) -> None:
    places = [(5, 5), (49, 49), (50, 0), (None, None)]
    stage.send("interaction", *[interaction(f"e{n}", x=x, y=y) for n, (x, y) in enumerate(places)])
    stage.send("interaction", interaction("other", page_url_path="/home"))
    stage.build()
    parameters = {"path": "/cart", "first_day": "2026-05-01", "last_day": "2026-05-01", "square": 50}
    rows = stage.db.query(asset("clickhouse/sql/ops/heat_map.sql").read_text(), parameters)
    assert [tuple(row.values()) for row in rows] == [(0, 0, 2), (50, 0, 1)]
    (told,) = [part for part in _queries(ROOT / "docs" / "collector.md") if "/ 50" in part]
    for words, literal in (("today() - 30 AND today()", "'2026-05-01' AND '2026-05-01'"), ("/product_a", "/cart")):
        assert words in told
        told = told.replace(words, literal)
    assert [tuple(row.values()) for row in stage.db.query(told)] == [(0, 0, 2), (50, 0, 1)]


def _queries(page: Path) -> list[str]:
    return [part.split("```")[0] for part in page.read_text().split("```sql\n")[1:]]
