"""Live visits: paced by the clock, acknowledged at the end, stopped when asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from headwater.adapters.memory import FixedClock, MemoryLog
from headwater.app.simulate import Simulated, simulate
from headwater.contracts.streams import FACT_STREAMS
from headwater.contracts.topics import Topic
from headwater.core.verdict import Accepted, judge
from headwater.errors import FixSettings

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


class CountingLog(MemoryLog):
    """Notes how many sinks were flushed."""

    flushed = 0

    @contextmanager
    def sink(self) -> Iterator[MemoryLog]:
        """Count the flush that every sink must end with."""
        yield self

    def flush(self) -> None:
        """Count."""
        self.flushed += 1


class Play:
    """A clock that moves only while the use case waits."""

    def __init__(self, stop_after_s: float = float("inf")) -> None:
        self.clock = FixedClock(START)
        self.log = CountingLog(self.clock)
        self._stop_at = START + timedelta(seconds=min(stop_after_s, 1e6))
        for stream in FACT_STREAMS.values():
            self.log.ensure(Topic(name=stream.topic, partitions=3, config={}))

    def wait(self, seconds: float) -> bool:
        """Move the clock."""
        self.clock.moment += timedelta(seconds=seconds)
        return self.clock.moment >= self._stop_at

    def run(self, rate: float, duration_s: float | None) -> Simulated:
        """Simulate with seed 5."""
        return simulate(self.log, self.clock, self.wait, rate, 5, duration_s)

    def messages(self, topic: str) -> list[tuple[bytes, int]]:
        """Value and time of every message."""
        found: list[tuple[bytes, int]] = []
        for partition, mark in self.log.watermarks(topic).items():
            batch = self.log.read_range(topic, partition, mark.begin, mark.end)
            found += [(message.raw, message.kafka_time_ms) for message in batch.messages()]
        return found


def test_sends_every_event_to_all_streams_with_its_own_time() -> None:
    play = Play()
    done = play.run(rate=20, duration_s=60)
    assert 0.7 * 1200 < done.events < 1.3 * 1200
    assert done.messages == 4 * done.events
    assert done.elapsed_s == 60
    for stream in FACT_STREAMS.values():
        messages = play.messages(stream.topic)
        assert len(messages) == done.events
        for value, time_ms in messages:
            verdict = judge(stream, value, datetime.fromtimestamp(time_ms / 1000, UTC))
            assert isinstance(verdict, Accepted), verdict
            if stream.name == "browser":
                late_s = time_ms / 1000 - verdict.row["event_timestamp"].timestamp()
                assert 0 <= late_s < 1


def test_ends_when_asked_and_flushes() -> None:
    play = Play(stop_after_s=5)
    done = play.run(rate=20, duration_s=None)
    assert 5 <= done.elapsed_s < 6
    assert 0 < done.events < 300
    assert play.log.flushed == 1


def test_same_seed_sends_the_same_events() -> None:
    first, second = Play(), Play()
    for play in (first, second):
        play.run(rate=10, duration_s=20)
    sent = [sorted(value for value, _ in play.messages("location_events")) for play in (first, second)]
    assert sent[0] == sent[1]


def test_a_missing_topic_is_named_before_anything_is_sent() -> None:
    play = Play()
    play.log.delete("geo_events")
    with pytest.raises(FixSettings, match="geo_events"):
        play.run(rate=10, duration_s=1)
    assert not play.messages("browser_events")
