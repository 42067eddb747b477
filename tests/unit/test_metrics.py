"""Numbers for Prometheus: the closed list, its text form, and the page on the loopback address."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from headwater.adapters.metrics import Metrics, serving
from headwater.contracts import collector_metrics, windows_metrics
from headwater.contracts import metrics as names
from headwater.contracts.collector_metrics import COLLECTOR_METRICS
from headwater.contracts.metrics import METRICS, Metric, MetricKind
from headwater.contracts.windows_metrics import WINDOWS_METRICS
from headwater.errors import FixSettings

ROOT = Path(__file__).resolve().parents[2]


def test_the_list_holds_every_metric_once_and_names_follow_prometheus() -> None:
    everything = (*METRICS, *COLLECTOR_METRICS, *WINDOWS_METRICS)
    modules = (names, collector_metrics, windows_metrics)
    defined = [value for module in modules for value in vars(module).values() if isinstance(value, Metric)]
    assert sorted(metric.name for metric in everything) == sorted(metric.name for metric in defined)
    assert len({metric.name for metric in everything}) == len(everything)
    for metric in everything:
        assert re.fullmatch(r"headwater_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is MetricKind.COUNTER), metric.name
        assert bool(metric.buckets) == (metric.kind is MetricKind.HISTOGRAM), metric.name
        assert metric.help.endswith(".")


@pytest.mark.parametrize(
    ("name", "metrics"), [("consuming", METRICS), ("collector", COLLECTOR_METRICS), ("clicks", WINDOWS_METRICS)]
)
def test_the_docs_page_lists_exactly_these_metrics(name: str, metrics: tuple[Metric, ...]) -> None:
    page = (ROOT / "docs" / f"{name}.md").read_text()
    rows = re.findall(r"^\| `(headwater_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \| (.*) \|$", page, re.MULTILINE)
    expected = [(m.name, m.kind.value, ", ".join(f"`{x}`" for x in m.labels), m.unit, m.help) for m in metrics]
    assert rows == expected, f"Write the table of docs/{name}.md anew from headwater.contracts."


def test_counters_and_gauges_are_written_as_prometheus_reads_them() -> None:
    meter = Metrics()
    meter.add(names.ROWS, 3, stream="browser", target="staged")
    meter.add(names.ROWS, 4, stream="browser", target="staged")
    meter.set(names.LAG, 7, stream="geo", partition="2")
    meter.set(names.LAG, 5, stream="geo", partition="2")
    text = meter.render()
    assert 'headwater_ingested_rows_total{stream="browser",target="staged"} 7\n' in text
    assert 'headwater_lag_messages{stream="geo",partition="2"} 5\n' in text
    for metric in METRICS:
        assert f"# TYPE {metric.name} {metric.kind.value}\n" in text


def test_a_histogram_counts_up_to_each_bound() -> None:
    meter = Metrics()
    for seconds in (0.01, 0.025, 0.3, 99.5):
        meter.observe(names.INSERT_SECONDS, seconds, stream="geo")
    lines = [line for line in meter.render().splitlines() if line.startswith("headwater_insert_seconds")]
    counts = {line.split('le="')[1].split('"')[0]: line.split()[-1] for line in lines if "_bucket" in line}
    assert (counts["0.025"], counts["0.25"], counts["0.5"], counts["30"], counts["+Inf"]) == ("2", "2", "3", "3", "4")
    assert 'headwater_insert_seconds_sum{stream="geo"} 99.835' in lines
    assert 'headwater_insert_seconds_count{stream="geo"} 4' in lines


def test_values_of_labels_are_escaped() -> None:
    meter = Metrics()
    meter.add(names.FAILURES, stream='a"b\\c\nd', consequence="stop")
    assert 'stream="a\\"b\\\\c\\nd"' in meter.render()


@pytest.mark.parametrize(
    "call",
    [
        lambda meter: meter.add(names.LOST, partition="1"),
        lambda meter: meter.add(names.LOST),
        lambda meter: meter.set(names.LAG, 1, stream="geo"),
    ],
)
def test_labels_that_the_contract_does_not_name_are_refused(call: Callable[[Metrics], None]) -> None:
    with pytest.raises(ValueError, match="has the labels"):
        call(Metrics())


def test_the_page_is_served_on_loopback_only_and_the_port_is_free_afterwards() -> None:
    meter = Metrics()
    with serving(meter, 0) as port:
        meter.add(names.LOST, 2, stream="geo")
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert 'headwater_lost_messages_total{stream="geo"} 2' in answer.read().decode()
        with pytest.raises(HTTPError, match="404") as caught:
            urlopen(f"http://127.0.0.1:{port}/secrets", timeout=5)
        caught.value.close()
        with socket.socket() as probe:
            assert probe.connect_ex((_other_address(), port)) != 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_taken_port_is_a_matter_of_settings() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(FixSettings, match="--metrics-port"), serving(Metrics(), taken.getsockname()[1]):
            pass


def _other_address() -> str:
    """Another address of this machine: every system has all of 127/8."""
    return "127.0.0.2"
