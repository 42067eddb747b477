"""`headwater simulate` against a real broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headwater.adapters.kafka import KafkaLog
from headwater.adapters.topics import KafkaTopics
from headwater.app.topics import apply_topics
from headwater.assets import asset
from headwater.contracts.streams import FACT_STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.verdict import Accepted, judge
from tests.support.kafka import Broker

_DEADLINE_S = 60


@pytest.mark.stack
def test_sends_valid_events_until_it_is_told_to_end(broker: Broker, tmp_path: Path) -> None:
    apply_topics(load_topics(asset("kafka/topics.yaml")), KafkaTopics(broker.bootstrap))
    log = KafkaLog(broker.bootstrap)
    begins = {stream.topic: _ends(log, stream.topic) for stream in FACT_STREAMS.values()}
    environment = {**os.environ, "HEADWATER_KAFKA_BOOTSTRAP": broker.bootstrap, "HEADWATER_HOME": str(tmp_path)}
    command = [str(Path(sys.executable).with_name("headwater")), "simulate", "--rate", "50"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + _DEADLINE_S
            while sum(_ends(log, "location_events").values()) - sum(begins["location_events"].values()) < 30:
                assert process.poll() is None, "the simulation ended by itself"
                assert time.monotonic() < deadline, "no events within the time"
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            report, _ = process.communicate(timeout=_DEADLINE_S)
        finally:
            if process.poll() is None:
                process.kill()
    assert process.returncode == 0
    sent = int(report.split()[0].replace(",", ""))
    for stream in FACT_STREAMS.values():
        received = 0
        for partition, end in _ends(log, stream.topic).items():
            batch = log.read_range(stream.topic, partition, begins[stream.topic][partition], end)
            received += len(batch)
            for message in batch.messages():
                verdict = judge(stream, message.raw, datetime.fromtimestamp(message.kafka_time_ms / 1000, UTC))
                assert isinstance(verdict, Accepted), verdict
        assert received == sent, f"{stream.topic}: the report says {sent}"


def _ends(log: KafkaLog, topic: str) -> dict[int, int]:
    return {partition: marks.end for partition, marks in log.watermarks(topic).items()}
