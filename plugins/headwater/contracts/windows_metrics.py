"""The metrics of `headwater windows`: a closed list, which the exporter, the docs page and the tests hold to."""

from __future__ import annotations

from headwater.contracts.metrics import Metric, MetricKind

CLICKS = Metric(
    "headwater_windows_clicks_total",
    MetricKind.COUNTER,
    "clicks",
    "Clicks whose counting was committed, by outcome: counted, late or rejected.",
    ("outcome",),
)
MESSAGES = Metric(
    "headwater_windows_messages_total",
    MetricKind.COUNTER,
    "messages",
    "Messages with counts that were committed.",
    (),
)
RUNNING = Metric(
    "headwater_windows_running",
    MetricKind.GAUGE,
    "1 or 0",
    "Whether this process counts; 0 while it waits for schema and topics, or to begin anew.",
    (),
)

WINDOWS_METRICS: tuple[Metric, ...] = (CLICKS, MESSAGES, RUNNING)
