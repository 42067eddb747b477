"""A taken port is named before anything starts."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from headwater.errors import FixSettings
from headwater.local.layout import Ports
from headwater.local.ports import is_free, require_free
from headwater.settings import Settings


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which this process listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_the_error_names_port_setting_and_process(taken: int) -> None:
    with pytest.raises(FixSettings) as caught:
        require_free({"clickhouse": taken})
    message = str(caught.value)
    assert f"Port {taken} for clickhouse is taken" in message
    assert f"(process {os.getpid()})" in message
    assert "HEADWATER_CLICKHOUSE_PORT" in message
    assert "Nothing was started" in message


def test_a_port_on_all_addresses_counts_as_taken() -> None:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen()
        assert not is_free(server.getsockname()[1])


def test_two_parts_on_one_port_are_refused() -> None:
    with pytest.raises(FixSettings, match="both to listen on port 9000"):
        require_free({"s3": 9000, "kafka": 9000})


def test_free_ports_pass(taken: int) -> None:
    assert not is_free(taken)
    require_free({})


def test_an_own_setting_wins_over_the_offset() -> None:
    ports = Ports.of(Settings(port_offset=2000, kafka_port=7000))
    assert (ports.airflow, ports.clickhouse, ports.kafka, ports.s3) == (10080, 10123, 7000, 11000)
