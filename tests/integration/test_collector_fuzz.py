"""Whatever is sent to the collector, it answers without a 500, and what it accepted is in the topics."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from typing import Any

import brotli
import httpx
import pytest
import schemathesis
import zstandard
from hypothesis import HealthCheck, given, settings

from headwater.contracts.streams import STREAMS
from headwater.core.verdict import Accepted, judge
from tests.support.collector import Served, serving, web_event
from tests.support.kafka import Broker
from tests.support.topics import fresh_topics
from tests.support.web_topics import in_topics

pytestmark = pytest.mark.stack

_ODD: list[Any] = [
    None, "", 0, -1, 1e308, 2**80, True, [], {}, [[]], "\u0000", "é😀\u2028", "x" * 3_000, "\\ud800", "null",
    {"a": {"b": [{}]}}, "2026-13-01T00:00:00Z", "https://[::1", "?utm_source=%ff", {"x": "1e9", "y": {}},
]  # fmt: skip
_EXAMPLES = 60
_HEADERS = ["Content-Type", "Content-Encoding", "Origin", "Authorization", "User-Agent", "Accept-Language", "Cookie"]
_VALUES = [
    "", "*", "gzip", "br", "zstd", "identity", "application/json", "application/x-ndjson", "text/plain; charset=utf-16",
    "multipart/form-data; boundary=x", "null", "Bearer", "Bearer \x80", "x" * 5_000, "\xe9\xff", "https://shop.example",
]  # fmt: skip


@pytest.fixture(scope="module")
def collector(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A collector that may be sent much."""
    fresh_topics(broker.bootstrap)
    limits = {"collector_rate": "100000", "collector_body_bytes": "300000"}
    with serving(tmp_path_factory.mktemp("fuzz"), broker.bootstrap, limits) as served:
        yield served


@pytest.fixture(scope="module")
def api(collector: Served) -> Any:
    """What the collector says of itself."""
    return schemathesis.openapi.from_url(f"{collector.url}/openapi.json")


def test_answers_are_as_documented(api: Any, collector: Served) -> None:
    checks = [
        schemathesis.checks.not_a_server_error,
        schemathesis.checks.status_code_conformance,
        schemathesis.checks.response_schema_conformance,
        schemathesis.checks.content_type_conformance,
    ]
    seen = set()
    for found in api.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=_EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        def answers_well(case: schemathesis.Case[Any]) -> None:
            answer = case.call(headers={"X-Write-Key": collector.key})
            seen.add((case.path, answer.status_code))
            case.validate_response(answer, checks=checks)

        answers_well()
    assert {("/events", 202), ("/ready", 200), ("/metrics", 200), ("/tracker.js", 200)} <= seen


def _mutated(chance: random.Random) -> Any:
    event = web_event()
    for _ in range(chance.randrange(4)):
        target = event["payload"] if chance.random() < 0.3 and isinstance(event["payload"], dict) else event
        target[chance.choice([*target, "referrer", "extra", "headwater_heartbeat"])] = chance.choice(_ODD)
    return chance.choice(_ODD) if chance.random() < 0.05 else event


def _body(chance: random.Random) -> tuple[bytes, dict[str, str]]:
    events = [_mutated(chance) for _ in range(chance.randrange(6))]
    headers: dict[str, str] = {"Content-Type": "application/json"}
    if chance.random() < 0.3:
        body = b"\n".join(json.dumps(event).encode() for event in events)
        headers["Content-Type"] = "application/x-ndjson"
    else:
        body = json.dumps(events if chance.random() < 0.9 else events[:1]).encode()
    if chance.random() < 0.3 and body:
        place = chance.randrange(len(body))
        body = body[:place] + chance.randbytes(chance.randrange(4)) + body[place + chance.randrange(3) :]
    if chance.random() < 0.3:
        name, pack = chance.choice([("gzip", gzip.compress), ("br", brotli.compress), ("zstd", zstandard.compress)])
        body = pack(body)
        headers["Content-Encoding"] = name
        if chance.random() < 0.3:
            body = body[: chance.randrange(len(body))] + chance.randbytes(5)
    if chance.random() < 0.2:
        headers[chance.choice(_HEADERS)] = chance.choice(_VALUES)
    return body, headers


def test_seeded_garbage_never_breaks_it_and_what_is_accepted_is_valid_in_the_topics(
    collector: Served, broker: Broker
) -> None:
    before = {name: len(found) for name, found in in_topics(broker.bootstrap).items()}
    chance = random.Random(20261125)
    accepted, statuses = 0, set()
    with httpx.Client(base_url=collector.url, timeout=30) as client:
        for _ in range(600):
            body, headers = _body(chance)
            given = {**headers, "X-Write-Key": collector.key}
            request = client.build_request("POST", "/events", content=body)
            request.headers = httpx.Headers(
                [*((n.encode(), v.encode("latin-1")) for n, v in given.items()), (b"Host", b"localhost"),
                 (b"Content-Length", str(len(body)).encode())]
            )  # fmt: skip
            answer = client.send(request)
            statuses.add(answer.status_code)
            assert answer.status_code < 500, f"{answer.text}\n{headers}\n{body[:500]!r}"
            if answer.status_code == 202:
                accepted += answer.json()["accepted"]
    assert {202, 400, 413, 415, 422} - statuses <= {413}
    assert accepted > 300
    found = in_topics(broker.bootstrap)
    for name in ("browser", "location", "interaction"):
        assert len(found[name]) - before[name] == accepted
    for name, messages in found.items():
        for message in messages:
            verdict = judge(STREAMS[name], message.raw, message.at)
            assert isinstance(verdict, Accepted), f"{name}: {verdict} {message.raw!r}"
    assert collector.process is not None
    assert collector.process.poll() is None
    assert "Traceback" not in collector.log.read_text()
