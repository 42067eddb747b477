"""What dashboards ask of visits by hour is what the facts say, whatever is filtered and however the facts came."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import yaml

from headwater.adapters.clickhouse import ClickHouse
from tests.support.events import an_id
from tests.support.front import Front
from tests.support.marts_oracle import Fact, Facts, fact, incomplete, rows_of

pytestmark = pytest.mark.stack

DATASETS = Path(__file__).resolve().parents[2] / "superset" / "assets" / "datasets"
_LAST_STEP = (
    "max(multiIf(page_url_path = '/confirmation', 5, page_url_path = '/payment', 4, page_url_path = '/cart', 3, "
    "match(page_url_path, '^/product_'), 2, page_url_path IN ('/', '/home'), 1, 0))"
)
# What a dataset calls it, and the same over the facts.
TRUTHS = {
    "events": "count()",
    "purchases": "countIf(page_url_path = '/confirmation')",
    "users": "uniqExact(user_domain_id)",
    "sessions": "uniqExact(click_id)",
    "conversion": "countIf(page_url_path = '/confirmation') / uniqExact(click_id)",
}
# A filter of the dashboards by the dataset's columns, and over the facts.
FILTERS = {
    "everything": ([], "1"),
    "source": ([("source", "(none)")], "utm_source = ''"),
    "source and device": ([("source", "google"), ("device", "Mobile")], "utm_source = 'google' AND device_type = 'Mobile'"),
    "browser and country": ([("browser", "Firefox"), ("country", "DE")], "browser_name = 'Firefox' AND geo_country = 'DE'"),
    "campaign and medium": ([("campaign", "spring"), ("medium", "(none)")], "utm_campaign = 'spring' AND utm_medium = ''"),
    "region": ([("region", "(unknown)")], "geo_region_name = ''"),
}  # fmt: skip


class Dataset:
    """The expressions of a dataset's file."""

    def __init__(self, name: str) -> None:
        document = yaml.safe_load((DATASETS / f"{name}.yaml").read_text())
        self.table = f"{document['schema']}.{document['table_name']}"
        self.metrics = {each["metric_name"]: each["expression"] for each in document["metrics"]}
        self._columns = {
            each["column_name"]: each.get("expression", each["column_name"]) for each in document["columns"]
        }

    def where(self, chosen: list[tuple[str, str]]) -> str:
        """The condition that Superset makes of filters."""
        return " AND ".join(["1", *(f"{self.column(name)} IN ('{value}')" for name, value in chosen)])

    def column(self, name: str) -> str:
        """The expression of a column."""
        return str(self._columns[name])


@pytest.fixture
def filled(no_facts: ClickHouse, front: Front) -> Iterator[ClickHouse]:
    """A few hundred facts over two days, in several inserts of mixed hours; some lack parts, some a coordinate."""
    seed = 7
    print(f"seed {seed}")
    chance = random.Random(seed)
    paths = ["/", "/home", "/product_a", "/product_b", "/cart", "/payment", "/confirmation", "/about", ""]
    given: list[Fact] = []
    for number in range(300):
        user = chance.randrange(12)
        at = f"2026-05-0{chance.choice([1, 2])} {chance.choice([0, 9, 10, 23]):02}:{chance.randrange(60):02}:00"
        if chance.random() < 0.1:
            given.append(incomplete(f"e{number}", at, click=f"u{user}"))
            continue
        given.append(
            fact(
                f"e{number}", at, chance.choice(paths), user=f"u{user}", click=f"c{chance.randrange(20)}",
                event_type=chance.choice(["pageview", "click", "scroll"]), device_type=chance.choice(["Mobile", "Desktop"]),
                browser_name=chance.choice(["Firefox", "Chrome"]), utm_source=chance.choice(["google", ""]),
                utm_campaign=chance.choice(["spring", ""]), geo_country=chance.choice(["DE", "FR"]),
                geo_region_name=chance.choice(["Berlin", ""]), geo_latitude=chance.choice([None, 52.52, -33.4489]),
                geo_longitude=chance.choice([13.405, -70.6693]),
            )
        )  # fmt: skip
    facts = Facts(front.writer_url)
    for first in range(0, 300, 75):
        facts.insert(given[first : first + 75], f"slice:{first}")
    yield no_facts
    facts.close()


def test_a_metric_is_what_the_facts_say_with_every_filter(filled: ClickHouse) -> None:
    for asked, (name, (chosen, over_facts)) in product(map(Dataset, ("visit_hours", "visitors")), FILTERS.items()):
        metrics = sorted(asked.metrics)
        found = rows_of(
            filled,
            f"SELECT hour AS t, {', '.join(asked.metrics[metric] for metric in metrics)} FROM {asked.table} "
            f"WHERE {asked.where(chosen)} GROUP BY t ORDER BY t",
        )
        expected = rows_of(
            filled,
            f"SELECT toStartOfHour(event_timestamp) AS t, {', '.join(TRUTHS[metric] for metric in metrics)} "
            f"FROM analytics.fact_events WHERE {over_facts} GROUP BY t ORDER BY t",
        )
        assert found == expected, (asked.table, name, metrics)
        assert found


def test_users_and_sessions_of_a_type_of_event_are_those_of_the_facts(filled: ClickHouse) -> None:
    asked = Dataset("visitors")
    metrics = ("users", "sessions")
    for types in ("'click'", "'scroll', 'pageview'"):
        found = rows_of(
            filled,
            f"SELECT hour AS t, {', '.join(asked.metrics[metric] for metric in metrics)} FROM {asked.table} "
            f"WHERE {asked.column('event_type')} IN ({types}) GROUP BY t ORDER BY t",
        )
        assert found == rows_of(
            filled,
            f"SELECT toStartOfHour(event_timestamp) AS t, {', '.join(TRUTHS[metric] for metric in metrics)} "
            f"FROM analytics.fact_events WHERE event_type IN ({types}) GROUP BY t ORDER BY t",
        )
        assert found


def test_the_funnel_counts_sessions_by_their_furthest_step_over_all_hours(filled: ClickHouse) -> None:
    asked = Dataset("visit_hours")
    found = rows_of(
        filled,
        f"SELECT {asked.column('step')} AS step, {asked.metrics['sessions']} AS n FROM {asked.table} GROUP BY step",
    )
    reached = f"(SELECT click_id, {_LAST_STEP} AS reached FROM analytics.fact_events GROUP BY click_id)"
    for number, step in enumerate(["Home", "Product", "Cart", "Payment", "Confirmation"], start=1):
        (expected,) = rows_of(filled, f"SELECT countIf(reached >= {number}) AS n FROM {reached}")
        assert (step, *expected) in found


def test_coordinates_are_the_mean_of_the_events_that_have_both(filled: ClickHouse) -> None:
    found = rows_of(
        filled,
        "SELECT geo_country, sum(latitude_e7) / sum(located) / 10000000 AS north, sum(longitude_e7) / sum(located) / 10000000 AS east "
        "FROM analytics.visit_hours WHERE located > 0 GROUP BY geo_country ORDER BY geo_country",
    )
    expected = rows_of(
        filled,
        "SELECT geo_country, avg(geo_latitude) AS north, avg(geo_longitude) AS east FROM analytics.fact_events "
        "WHERE isNotNull(geo_latitude) GROUP BY geo_country ORDER BY geo_country",
    )
    assert [row[0] for row in found] == ["DE", "FR"]
    for one, other in zip(found, expected, strict=True):
        assert one == (other[0], pytest.approx(other[1], abs=1e-7), pytest.approx(other[2], abs=1e-7))


def test_where_a_reader_came_from_and_the_hour_stand_beside_the_fact(no_facts: ClickHouse, front: Front) -> None:
    pages = {
        "e1": ("https://shop.example/cart", "", "(direct)"),
        "e2": ("https://shop.example/cart", "https://shop.example/home?x=1", "from /home"),
        "e3": ("https://shop.example/cart", "https://www.google.com/search", "google.com"),
    }
    facts = Facts(front.writer_url)
    facts.insert(
        [
            fact(name, "2026-05-01 10:59:59.9", page_url=page, referer_url=before)
            for name, (page, before, _) in pages.items()
        ],
        "slice",
    )
    facts.close()
    rows = rows_of(
        no_facts, "SELECT toString(event_id) AS id, came_from, toString(event_hour) AS h FROM analytics.fact_events"
    )
    assert sorted(rows) == sorted((an_id(name), came, "2026-05-01 10:00:00") for name, (_, _, came) in pages.items())
