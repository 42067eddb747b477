"""Generated events: the same bytes for the same seed, valid, and shaped like a shop's."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest

from headwater.contracts.streams import FACT_STREAMS
from headwater.core.generator.blocks import DEFAULT_START, Block, Spec, generate
from headwater.core.generator.live import live_events
from headwater.core.verdict import Accepted, judge
from headwater.errors import FixSettings

SAMPLES = Path(__file__).resolve().parents[3] / "data" / "samples"
SAMPLE_SHA256 = {
    "browser": "91fc7cba2d627ba8462ab3a60e38ad722740029e1129072c0e36c6b0fbe15bd8",
    "device": "4f7bf662efc89036ac09f7fcb09c0bbeea3810d7ee47c4eab379e2081f35488f",
    "geo": "de8b6d95ea823be1b5420c88838f7fe9ebef3c00de7209d3bf8f8c63de949c1d",
    "location": "e469e55819fb7bd95953e6e175f1f8aae751288384a7e55dc2948b4475395dc1",
}


@cache
def _sample(stream: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / FACT_STREAMS[stream].file_name).read_text("utf-8").splitlines()]


def _text(blocks: list[Block], stream: str) -> bytes:
    return "".join(f"{line}\n" for block in blocks for line in block.lines(stream)).encode()


def test_samples_are_the_bytes_of_the_default_seed() -> None:
    blocks = list(generate(Spec(events=5000)))
    for name, expected in SAMPLE_SHA256.items():
        committed = (SAMPLES / FACT_STREAMS[name].file_name).read_bytes()
        assert hashlib.sha256(committed).hexdigest() == expected, f"{name}: the committed sample was changed"
        assert _text(blocks, name) == committed, f"{name}: `headwater generate --out data/samples` writes other bytes"


def test_samples_are_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.glob("*.jsonl")) <= 6_000_000


def test_samples_are_valid() -> None:
    for name, stream in FACT_STREAMS.items():
        lines = (SAMPLES / stream.file_name).read_bytes().splitlines()
        verdicts = [judge(stream, line, DEFAULT_START + timedelta(days=4)) for line in lines]
        wrong = [verdict for verdict in verdicts if not isinstance(verdict, Accepted) or verdict.unknown_fields]
        assert not wrong, f"{name}: {wrong[:3]}"


def test_samples_cover_three_days_with_and_without_fractions() -> None:
    times = [event["event_timestamp"] for event in _sample("browser")]
    assert min(times) < "2026-01-12 02"
    assert max(times) > "2026-01-14 22"
    assert {len(text) for text in times} == {19, 26}


def test_samples_hold_purchases_product_views_and_both_names_of_the_home_page() -> None:
    paths = Counter(event["page_url_path"] for event in _sample("location"))
    assert {"/", "/home", "/product_a", "/product_b", "/cart", "/payment", "/confirmation"} <= paths.keys()
    assert 100 < paths["/confirmation"] < paths["/payment"] < paths["/cart"]


def test_samples_join_one_to_one_by_event_and_repeat_device_and_geo_per_event() -> None:
    browser = {event["event_id"]: event for event in _sample("browser")}
    assert len(browser) == len(_sample("browser"))
    assert {event["event_id"] for event in _sample("location")} == browser.keys()
    per_click = Counter(event["click_id"] for event in browser.values())
    for name in ("device", "geo"):
        rows = defaultdict(set)
        for event in _sample(name):
            rows[event["click_id"]].add(json.dumps(event))
        assert all(len(variants) == 1 for variants in rows.values()), f"{name}: a click_id has different rows"
        assert Counter(event["click_id"] for event in _sample(name)) == per_click
    assert max(per_click.values()) > 20


def test_samples_have_users_who_come_back() -> None:
    visits: defaultdict[str, set[str]] = defaultdict(set)
    user_of = {event["click_id"]: event["user_domain_id"] for event in _sample("device")}
    for event in _sample("browser"):
        visits[user_of[event["click_id"]]].add(event["event_timestamp"][:13])
    assert sum(len(hours) > 1 for hours in visits.values()) > len(visits) / 3


def test_samples_have_string_coordinates_and_sources_that_are_empty_null_or_absent() -> None:
    assert {type(event["geo_latitude"]) for event in _sample("geo")} == {str}
    sources = Counter(str(event.get("utm_source", "absent")) for event in _sample("location"))
    assert {"", "None", "absent", "google", "newsletter"} <= sources.keys()


def test_people_and_addresses_are_made_up() -> None:
    hosts = {event["user_custom_id"].split("@")[1] for event in _sample("device") if "user_custom_id" in event}
    networks = {event["ip_address"].rpartition(".")[0] for event in _sample("geo")}
    assert hosts == {"example.com", "example.org", "example.net"}
    assert networks == {"192.0.2", "198.51.100", "203.0.113"}


def test_another_seed_gives_other_events() -> None:
    ids = [{json.loads(line)["event_id"] for line in next(generate(Spec(100, seed))).browser} for seed in (1, 2)]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("events", [1, 7, 12_345])
def test_number_of_events_is_exact(events: int) -> None:
    blocks = list(generate(Spec(events)))
    for name in FACT_STREAMS:
        assert sum(len(block.lines(name)) for block in blocks) == events


def test_blocks_are_bounded_and_follow_each_other_in_time() -> None:
    spec = Spec(40_000, start=datetime(2025, 12, 30, tzinfo=UTC), days=10)
    blocks = list(generate(spec))
    assert max(len(block.browser) for block in blocks) < 20_000
    firsts = [json.loads(block.browser[0])["event_timestamp"] for block in blocks]
    assert firsts == sorted(firsts)
    assert firsts[0][:10] == "2025-12-30"
    assert firsts[-1][:10] >= "2026-01-06"


def test_nothing_is_asked_for() -> None:
    with pytest.raises(FixSettings):
        Spec(0)


def test_generating_costs_about_what_reading_the_lines_costs() -> None:
    """A ratio in one run, as machines differ: `json.loads` of an event's four lines is what is compared with."""

    def best_of_three(work: Callable[[], object]) -> float:
        def once() -> float:
            started = time.process_time()
            work()
            return time.process_time() - started

        return min(once() for _ in range(3))

    blocks = list(generate(Spec(10_000)))
    lines = [line for block in blocks for stream in FACT_STREAMS for line in block.lines(stream)]
    ratio = best_of_three(lambda: list(generate(Spec(10_000)))) / best_of_three(lambda: [*map(json.loads, lines)])
    print(f"generating takes {ratio:.2f} of the time of reading")
    assert ratio < 2


def test_live_events_come_in_order_at_the_rate_from_the_first_second() -> None:
    events = list(islice(live_events(50, 3), 6_000))
    dues = [event.due_s for event in events]
    assert all(one <= two for one, two in pairwise(dues))
    first_minute = sum(due < 60 for due in dues)
    assert 0.8 * 3_000 < first_minute < 1.2 * 3_000


def test_live_events_of_a_visit_are_spread_over_time() -> None:
    by_visit: defaultdict[int, list[float]] = defaultdict(list)
    for event in islice(live_events(50, 3), 6_000):
        by_visit[event.visit].append(event.due_s)
    gaps = [two - one for dues in by_visit.values() for one, two in pairwise(dues)]
    assert min(gaps) > 0.5
    assert max(gaps) > 30


def test_live_messages_are_valid_and_keyed_by_the_field_of_their_stream() -> None:
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    for event in islice(live_events(10, 3), 200):
        for stream, (topic, key, value) in zip(FACT_STREAMS.values(), event.messages(at), strict=True):
            verdict = judge(stream, value, at)
            assert topic == stream.topic
            assert isinstance(verdict, Accepted), verdict
            assert str(verdict.row[stream.key_field]) == key.decode()
            if "event_timestamp" in verdict.row:
                assert verdict.row["event_timestamp"] == at
