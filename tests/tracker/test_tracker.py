"""The tracker in a real browser: what a visit of the demo shop becomes, and when nothing is sent."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.app.build import Build, BuildLimits
from headwater.app.ingest import Ingest
from headwater.contracts.streams import VISIT_STREAMS
from headwater.ports import FlushLimits
from tests.support.browser import USER_AGENT, chromium
from tests.support.collector import Served, serving
from tests.support.kafka import Broker
from tests.support.topics import fresh_topics
from tests.support.web_topics import in_topics

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
_DEADLINE_S = 20


@pytest.fixture(scope="module")
def collector(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A collector with the demo shop."""
    fresh_topics(broker.bootstrap)
    with serving(tmp_path_factory.mktemp("tracker"), broker.bootstrap) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of the module."""
    with chromium() as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor who was never here."""
    made = browser.new_context(user_agent=USER_AGENT, locale="de-DE", timezone_id="Europe/Berlin")
    yield made
    made.close()


def _await(found: Callable[[], int], count: int, page: Page | None = None) -> None:
    """Wait for a number; with a page, what comes from it is taken in meanwhile."""
    deadline = time.monotonic() + _DEADLINE_S
    while (seen := found()) != count:
        assert time.monotonic() < deadline, f"{seen} of {count}"
        if page is None:
            time.sleep(0.05)
        else:
            page.wait_for_timeout(50)


def _sent_by(page: Page) -> list[dict[str, Any]]:
    """Events that the page sends, filled while it runs."""
    sent: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.post_data:
            sent.extend(json.loads(request.post_data))

    page.on("request", note)
    return sent


def test_it_is_small_and_plain() -> None:
    source = (ROOT / "tracker" / "tracker.js").read_bytes()
    assert len(gzip.compress(source)) < 4_000
    assert b"import " not in source.split(b"*/")[1]


def test_a_visit_of_the_shop_is_exactly_its_facts(
    collector: Served, context: BrowserContext, broker: Broker, warehouse: ClickHouse
) -> None:
    hosts = set()
    page = context.new_page()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.goto(f"{collector.url}/home?utm_source=newsletter&utm_medium=email&utm_campaign=spring")
    places = []
    for element in ("see-product-a", "add-to-cart", "to-payment", "holder", "pay"):
        box = page.locator(f"#{element}").bounding_box()
        assert box is not None
        places.append((element, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
        page.click(f"#{element}")
        if element == "holder":
            page.keyboard.type("Ada Berg")
        else:
            page.wait_for_load_state()
    assert page.url.startswith(f"{collector.url}/confirmation")
    page.close()

    log, ledger, clock = KafkaLog(broker.bootstrap, "tests-tracker"), ClickHouseLedger(warehouse), SystemClock()

    def store() -> int:
        for stream in VISIT_STREAMS.values():
            Ingest(stream, log, ledger, clock).drain(FlushLimits())
        Build(warehouse, clock, BuildLimits()).run()
        return int(warehouse.query("SELECT count() AS n FROM analytics.fact_events")[0]["n"])

    _await(store, 10)
    facts = warehouse.query("SELECT * FROM analytics.fact_events ORDER BY event_timestamp")
    steps = [(fact["event_type"], fact["page_url_path"]) for fact in facts]
    assert steps == [
        ("pageview", "/home"), ("click", "/home"), ("pageview", "/product_a"), ("click", "/product_a"),
        ("pageview", "/cart"), ("click", "/cart"), ("pageview", "/payment"), ("click", "/payment"),
        ("click", "/payment"), ("pageview", "/confirmation"),
    ]  # fmt: skip
    same = {
        name: {fact[name] for fact in facts}
        for name in (
            "browser_name", "browser_language", "os_name", "os_timezone", "device_type", "device_is_mobile",
            "ip_address", "utm_source", "utm_medium", "utm_campaign", "is_complete", "user_custom_id",
        )
    }  # fmt: skip
    assert same == {
        "browser_name": {"Chrome"}, "browser_language": {"de-DE"}, "os_name": {"Linux"},
        "os_timezone": {"Europe/Berlin"}, "device_type": {"Desktop"}, "device_is_mobile": {False},
        "ip_address": {"127.0.0.1"}, "utm_source": {"newsletter"}, "utm_medium": {"email"},
        "utm_campaign": {"spring"}, "is_complete": {True}, "user_custom_id": {""},
    }  # fmt: skip
    assert len({fact["click_id"] for fact in facts}) == len({fact["user_domain_id"] for fact in facts}) == 1
    assert [fact["referer_medium"] for fact in facts] == ["", "", *["internal"] * 8]
    clicks = warehouse.query(
        "SELECT element_id, event_title, x, y, payload FROM analytics.fact_interactions "
        "WHERE event_type = 'click' ORDER BY event_timestamp"
    )
    assert [(click["element_id"], click["event_title"]) for click in clicks] == [
        ("see-product-a", "Lantern"), ("add-to-cart", "Add to cart"), ("to-payment", "To the payment"),
        ("holder", ""), ("pay", "Pay"),
    ]  # fmt: skip
    for click, (element, x, y) in zip(clicks, places, strict=True):
        assert (click["x"], click["y"]) == (pytest.approx(x, abs=1), pytest.approx(y, abs=1)), element
    bought = warehouse.query("SELECT utm_source, cnt FROM analytics.source_campaign_buy_events_agg")
    assert [tuple(row.values()) for row in bought] == [("newsletter", 1)]
    assert hosts == {collector.url.removeprefix("http://")}
    assert not [fact for fact in facts if "Ada" in str(fact)]


def test_pages_of_the_history_and_events_of_ones_own_are_sent(collector: Served, context: BrowserContext) -> None:
    page = context.new_page()
    sent = _sent_by(page)
    page.goto(f"{collector.url}/home")
    page.evaluate("history.pushState({}, '', '/product_b')")
    page.evaluate("history.replaceState({}, '', '/product_b#details')")
    page.evaluate("history.pushState({}, '', '/cart')")
    page.evaluate("history.back()")
    page.wait_for_url("**/product_b#details")
    page.evaluate("headwater.identify('customer 7', 'ada@example.com')")
    page.evaluate("headwater.track('search', {event_title: 'lamp', results: 3})")
    page.evaluate("headwater.flush()")
    _await(lambda: len(sent), 5, page)
    assert [(event["type"], event["url"].removeprefix(collector.url)) for event in sent] == [
        ("pageview", "/home"), ("pageview", "/product_b"), ("pageview", "/cart"), ("pageview", "/product_b#details"),
        ("search", "/product_b#details"),
    ]  # fmt: skip
    assert sent[-1]["payload"] == {"event_title": "lamp", "results": 3}
    assert (sent[-1]["user_id"], sent[-1]["user_email"]) == ("customer 7", "ada@example.com")
    assert sent[1]["referrer"] == f"{collector.url}/home"


def test_events_go_together_and_what_waits_goes_by_a_beacon_when_the_page_is_left(
    collector: Served, context: BrowserContext, broker: Broker
) -> None:
    page = context.new_page()
    calls: list[int] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.post_data:
            calls.append(len(json.loads(request.post_data)))

    page.on("request", note)
    page.goto(f"{collector.url}/home")
    page.evaluate("for (let n = 0; n < 119; n++) headwater.track('many')")
    _await(lambda: sum(calls), 120, page)
    assert calls == [50, 50, 20]
    # In one turn, so that no timer sends it. A call under way may take it along beside the beacon: with the same id.
    page.evaluate("headwater.track('last'); location.assign('about:blank')")
    page.wait_for_url("about:blank")
    _await(
        lambda: len({m.value["event_id"] for m in in_topics(broker.bootstrap)["browser"] if m.value["event_type"] == "last"}), 1
    )  # fmt: skip


@pytest.mark.parametrize("wish", ["doNotTrack: {get: () => '1'}", "globalPrivacyControl: {get: () => true}"])
def test_who_does_not_want_it_is_left_alone(collector: Served, context: BrowserContext, wish: str) -> None:
    page = context.new_page()
    sent = _sent_by(page)
    page.add_init_script(f"Object.defineProperties(Navigator.prototype, {{{wish}}})")
    page.goto(f"{collector.url}/home")
    page.click("#see-product-a")
    page.wait_for_load_state()
    page.evaluate("headwater.flush()")
    assert sent == []
    assert page.evaluate("Object.keys(localStorage)") == []


def test_where_consent_is_required_it_waits_for_it_and_forgets_when_it_ends(
    collector: Served, context: BrowserContext
) -> None:
    page = context.new_page()
    sent = _sent_by(page)
    script = f'<script src="/tracker.js" data-consent="required" data-write-key="{collector.key}"></script>'
    page.route("**/asks", lambda route: route.fulfill(body=f"<title>Asks</title>{script}", content_type="text/html"))
    page.goto(f"{collector.url}/asks")
    page.evaluate("headwater.track('early')")
    page.evaluate("headwater.flush()")
    assert sent == []
    page.evaluate("headwater.consent(true)")
    page.evaluate("headwater.flush()")
    _await(lambda: len(sent), 1, page)
    assert sent[0]["type"] == "pageview"
    page.evaluate("headwater.consent(false)")
    page.evaluate("headwater.track('late')")
    page.evaluate("headwater.flush()")
    assert len(sent) == 1
    assert page.evaluate("Object.keys(localStorage)") == ["headwater.consent"]


def test_what_was_not_taken_is_sent_again_with_the_same_ids(
    collector: Served, context: BrowserContext, broker: Broker
) -> None:
    page = context.new_page()
    sent = _sent_by(page)
    answers = iter(["away", "lost", "busy"])
    at: list[float] = []

    def treat(route: Route) -> None:
        at.append(time.monotonic())
        match next(answers, ""):
            case "away":
                route.abort()
            case "busy":
                route.fulfill(status=429, headers={"Retry-After": "1"})
            case "lost":  # taken in, but the answer never comes
                route.fetch()
                route.abort()
            case _:
                route.continue_()

    page.route("**/events?*", treat)
    page.goto(f"{collector.url}/home")
    page.evaluate("headwater.flush()")
    _await(lambda: len(sent), 4, page)
    assert len({event["event_id"] for event in sent}) == 1
    messages = in_topics(broker.bootstrap, sent[0]["event_id"])
    assert len({message.raw for message in messages["browser"]}) == 1
    # A second and at most half of it more, then two; then what the collector asks for.
    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert [pauses[0] >= 1, pauses[1] >= 2, pauses[2] >= 1] == [True] * 3, pauses
    page.wait_for_timeout(1_500)
    assert len(sent) == 4
