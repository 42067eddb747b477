"""Tumbling windows: where a click falls, when a window closes, and what late clicks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headwater.core.generator.clicks import ClickSpec, clicks
from headwater.core.windows import LatePolicy, Mark, Pane, Panes, Tumbling

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
START = int(NOON.timestamp())
BEGIN = Mark(0)


def _at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def _panes(windows: Tumbling, *seconds: float, mark: Mark = BEGIN) -> tuple[Panes, list[bool]]:
    panes = Panes(windows, mark)
    return panes, [panes.add(7, _at(at), _at(at)) for at in seconds]


@pytest.mark.parametrize(("seconds", "start"), [(0, 0), (59.999999, 0), (60, 60), (-0.000001, -60)])
def test_a_click_falls_into_the_window_that_begins_at_or_before_it(seconds: float, start: int) -> None:
    assert Tumbling(60).start(_at(seconds)) == START + start


def test_clicks_are_counted_by_product_and_window() -> None:
    panes = Panes(Tumbling(60, 60), Mark(0))
    for product, seconds in [(7, 0), (7, 59), (8, 30), (7, 61)]:
        assert panes.add(product, _at(seconds), _at(seconds))
    assert panes.panes() == [Pane(7, START, 2), Pane(7, START + 60, 1), Pane(8, START, 1)]


def test_a_window_takes_clicks_until_its_grace_is_over() -> None:
    _, taken = _panes(Tumbling(60, 30), 0, 89.9, 5, 90, 5, 61)
    assert taken == [True, True, True, True, False, True]


def test_late_clicks_are_counted_where_the_policy_says_so() -> None:
    panes, taken = _panes(Tumbling(60, 0, LatePolicy.COUNT), 300, 5)
    assert taken == [True, True]
    assert sum(pane.count for pane in panes.panes()) == 2


def test_the_watermark_outlives_a_crash_beside_the_offset() -> None:
    panes, _ = _panes(Tumbling(60, 30), 100)
    panes.reach(17)
    mark = Mark.of(panes.mark.offset, panes.mark.text())
    assert mark == panes.mark
    assert _panes(Tumbling(60, 30), 5, mark=mark)[1] == [False]
    assert Mark.of(3, "") == Mark(3)


def test_a_click_from_the_future_closes_no_window() -> None:
    panes = Panes(Tumbling(60, 30), Mark(0))
    assert panes.add(7, _at(3600), _at(1))
    assert panes.add(7, _at(2), _at(2))


def test_equal_specs_give_equal_clicks_of_skewed_popularity() -> None:
    spec = ClickSpec(rate=100, duration_s=100, products=100, broken=0.1, seed=3)
    sent = list(clicks(spec))
    assert sent == list(clicks(spec))
    assert len(sent) == 10_000
    assert 800 < sum(click.is_broken for click in sent) < 1_200
    popular = sorted((sum(c.product_id == p for c in sent) for p in range(1, 101)), reverse=True)
    assert popular[0] > 10 * popular[-1]
