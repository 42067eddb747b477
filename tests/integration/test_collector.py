"""The HTTP collector against a real broker: what it answers, and what then stands in the topics."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import httpx
import pytest
import zstandard

from headwater.adapters.clickhouse import ClickHouse
from headwater.contracts.streams import VISIT_STREAMS
from headwater.core.verdict import Accepted, judge
from tests.support.collector import Served, serving, web_event
from tests.support.front import Front
from tests.support.kafka import Broker
from tests.support.shell import HEADWATER
from tests.support.topics import fresh_topics
from tests.support.web_topics import in_topics

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def collector(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One collector for the tests of this module, with small limits."""
    fresh_topics(broker.bootstrap)
    home = tmp_path_factory.mktemp("collector")
    limits = {"collector_body_bytes": "100000", "collector_origins": "https://shop.example"}
    with serving(home, broker.bootstrap, limits) as served:
        yield served


def test_an_accepted_event_is_one_valid_message_of_each_stream(collector: Served, broker: Broker) -> None:
    event = web_event(user_email="ada@example.com", timezone="Europe/Berlin", language="de-DE")
    answer = collector.post([event])
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    found = in_topics(broker.bootstrap, event["event_id"], event["session_id"])
    assert {name: len(messages) for name, messages in found.items()} == dict.fromkeys(VISIT_STREAMS, 1)
    rows = {}
    for name, messages in found.items():
        verdict = judge(VISIT_STREAMS[name], messages[0].raw, messages[0].at)
        assert isinstance(verdict, Accepted), verdict
        assert verdict.unknown_fields == 0
        rows[name] = verdict.row
    assert rows["browser"]["browser_name"] == "Firefox"
    assert rows["device"]["os_name"] == "Linux"
    assert rows["device"]["user_custom_id"] == "ada@example.com"
    assert rows["geo"]["ip_address"] == "127.0.0.1"
    assert (rows["location"]["page_url_path"], rows["location"]["utm_source"]) == ("/product_a", "google")
    assert (rows["interaction"]["x"], rows["interaction"]["element_id"]) == (10.5, "add")
    assert json.loads(rows["interaction"]["payload"]) == event["payload"]


def test_bad_events_are_named_by_their_place_and_cost_only_themselves(collector: Served) -> None:
    events: list[Any] = [
        web_event(), 5, web_event(type=""), web_event(created_at="yesterday"), web_event(url=...),
        web_event(payload={"x": 1e9}), web_event(created_at="1999-12-31T23:59:59Z"), web_event(),
    ]  # fmt: skip
    answer = collector.post(events)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    assert [(r["index"], r["reason"], r["field"]) for r in answer.json()["rejected"]] == [
        (1, "not_an_object", ""), (2, "missing_field", "type"), (3, "wrong_type", "created_at"),
        (4, "missing_field", "url"), (5, "out_of_range", "x"), (6, "implausible_time", "created_at"),
    ]  # fmt: skip
    assert collector.post([web_event(type=5)]).status_code == 422


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps(web_event()).encode(), "application/json"),
        (json.dumps([web_event()]).encode(), "text/plain;charset=UTF-8"),
        (json.dumps(web_event()).encode() + b"\n\n", "application/x-ndjson"),
    ],
)
def test_one_object_an_array_and_lines_are_taken(collector: Served, body: bytes, kind: str) -> None:
    answer = collector.post(body, Content_Type=kind)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)


def test_a_broken_line_costs_only_itself(collector: Served) -> None:
    lines = [json.dumps(web_event()), "{broken", json.dumps(web_event())]
    answer = collector.post("\n".join(lines).encode(), Content_Type="application/x-ndjson")
    assert answer.json()["accepted"] == 2
    assert [(r["index"], r["reason"]) for r in answer.json()["rejected"]] == [(1, "invalid_json")]


_PACK = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstandard.compress}


@pytest.mark.parametrize("encoding", _PACK)
def test_packed_bodies_are_taken_and_bounded_once_unpacked(collector: Served, encoding: str) -> None:
    body = json.dumps([web_event() for _ in range(20)]).encode()
    pack = _PACK[encoding]
    sent = collector.post(pack(body), Content_Encoding=encoding, Content_Type="application/json")
    assert sent.json() == {"accepted": 20, "rejected": []}
    bomb = pack(b" " * 50_000_000)
    assert len(bomb) < 100_000
    refused = collector.post(bomb, Content_Encoding=encoding, Content_Type="application/json")
    assert refused.status_code == 413
    for broken in (pack(body)[:-10], b"no archive"):
        assert collector.post(broken, Content_Encoding=encoding).status_code == 400


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"x" * 100_001, {}, 413),
        (b"[" + b"{}," * 5_000 + b"{}]", {}, 413),
        (b"{", {}, 400),
        (b'{"a": NaN}', {}, 400),
        (b"[" * 50_000, {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"[]", {"X_Write_Key": "wrong"}, 401),
        (b"[]", {"X_Write_Key": ""}, 401),
        (b"[]", {"Origin": "https://elsewhere.example"}, 403),
        (b"[]", {"Content_Type": "multipart/form-data"}, 415),
        (b"[]", {"Content_Encoding": "compress"}, 400),
        (b"[]", {}, 202),
    ],
)
def test_what_cannot_be_taken_is_answered_with_its_cause(
    collector: Served, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = collector.post(content, **headers)
    assert answer.status_code == status, answer.text
    if status != 202:
        assert answer.json()["error"]


def test_pages_of_configured_origins_may_send(collector: Served) -> None:
    asked = httpx.options(f"{collector.url}/events", headers={"Origin": "https://shop.example"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "https://shop.example"
    assert "X-Write-Key" in asked.headers["access-control-allow-headers"]
    answer = collector.post([web_event()], Origin="https://shop.example")
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert httpx.options(f"{collector.url}/events", headers={"Origin": "https://x.example"}).status_code == 403


def test_a_chunked_body_without_a_length_is_bounded_too(collector: Served) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1_000):
            yield b" " * 1_000

    answer = httpx.post(f"{collector.url}/events", headers={"X-Write-Key": collector.key}, content=endless())
    assert answer.status_code == 413


def test_a_repeat_without_ids_has_the_same_identity(collector: Served, broker: Broker) -> None:
    event = web_event(event_id=..., session_id="session of the repeat", user_id=None, type="repeated")
    shuffled = dict(reversed(event.items()))
    for each in (event, event, shuffled):
        assert collector.post(each).status_code == 202
    found = [m for m in in_topics(broker.bootstrap)["browser"] if m.value["event_type"] == "repeated"]
    assert len(found) == 3
    assert len({m.raw for m in found}) == 1


def test_it_tells_how_it_is(collector: Served) -> None:
    collector.post([web_event()])
    assert httpx.get(f"{collector.url}/health").json() == {"status": "ok"}
    assert httpx.get(f"{collector.url}/ready").json() == {"status": "ready", "problem": ""}
    text = httpx.get(f"{collector.url}/metrics").text
    assert 'headwater_collector_accepted_events_total{site="shop.example"}' in text
    assert "headwater_collector_ready 1" in text
    assert "/events" in httpx.get(f"{collector.url}/openapi.json").json()["paths"]


def test_no_personal_data_is_logged(collector: Served) -> None:
    event = web_event(user_email="hidden@example.com", session_id="hidden-session", url="http://[broken")
    collector.post([event])
    text = collector.log.read_text()
    assert "hidden" not in text
    assert collector.key not in text
    assert "127.0.0.1" not in text


def test_visits_of_the_command_line_are_purchases(collector: Served, broker: Broker) -> None:
    def purchases() -> int:
        return sum(m.value["page_url_path"] == "/confirmation" for m in in_topics(broker.bootstrap)["location"])

    before = purchases()
    environment = {
        **os.environ, "HEADWATER_HOME": str(collector.home), "HEADWATER_COLLECTOR_URL": collector.url,
        "HEADWATER_COLLECTOR_WRITE_KEY": collector.key,
    }  # fmt: skip
    done = subprocess.run([HEADWATER, "visits", "-n", "2"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "2 visits, 18 events" in done.stderr
    assert purchases() == before + 2


def test_refused_events_are_kept_with_their_reason(
    broker: Broker, warehouse: ClickHouse, front: Front, tmp_path: Path
) -> None:
    with serving(tmp_path, broker.bootstrap, {"clickhouse_writer_url": front.writer_url}) as served:
        answer = served.post([web_event(), 5, web_event(url=...)])
        assert answer.json()["accepted"] == 1
        served.post(b'{"a":\n{broken', Content_Type="application/x-ndjson")
        deadline = time.monotonic() + 30
        query = "SELECT * FROM ops.rejects WHERE stream = 'http' ORDER BY rejected_at, origin_line"
        while len(rows := warehouse.query(query)) < 4:
            assert time.monotonic() < deadline, rows
            time.sleep(0.1)
    assert [(row["reason"], row["field"], row["origin_line"]) for row in rows] == [
        ("not_an_object", "", 2), ("missing_field", "url", 3), ("invalid_json", "", 1), ("invalid_json", "", 2),
    ]  # fmt: skip
    assert rows[0]["raw"] == "5"
    assert rows[0]["origin"] == rows[1]["origin"]
    assert rows[0]["origin"].startswith("http:shop.example/")


def test_a_key_has_its_rate(broker: Broker, tmp_path: Path) -> None:
    with serving(tmp_path, broker.bootstrap, {"collector_rate": "10"}) as slow:
        assert slow.post([web_event() for _ in range(20)]).status_code == 202
        refused = slow.post([web_event() for _ in range(10)])
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
