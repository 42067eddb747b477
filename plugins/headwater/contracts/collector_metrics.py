"""The metrics of the HTTP collector: a closed list, which the exporter, the docs page and the tests hold to."""

from __future__ import annotations

from headwater.contracts.metrics import Metric, MetricKind

REQUESTS = Metric(
    "headwater_collector_requests_total",
    MetricKind.COUNTER,
    "requests",
    "Requests to send events, by the status of their answer.",
    ("status",),
)
ACCEPTED = Metric(
    "headwater_collector_accepted_events_total",
    MetricKind.COUNTER,
    "events",
    "Events whose messages Kafka has acknowledged.",
    ("site",),
)
REFUSED = Metric(
    "headwater_collector_refused_events_total",
    MetricKind.COUNTER,
    "events",
    "Events that break the contract, by reason.",
    ("site", "reason"),
)
UNRECORDED = Metric(
    "headwater_collector_unrecorded_rejects_total",
    MetricKind.COUNTER,
    "events",
    "Refused events that did not get into ops.rejects, as ClickHouse was away or there were too many.",
    (),
)
REQUEST_SECONDS = Metric(
    "headwater_collector_request_seconds",
    MetricKind.HISTOGRAM,
    "seconds",
    "From the whole body until the answer.",
    (),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
WAITING = Metric(
    "headwater_collector_waiting_messages",
    MetricKind.GAUGE,
    "messages",
    "Messages that wait for Kafka's acknowledgement.",
    (),
)
READY = Metric(
    "headwater_collector_ready", MetricKind.GAUGE, "1 or 0", "Whether Kafka takes the collector's messages.", ()
)

COLLECTOR_METRICS: tuple[Metric, ...] = (REQUESTS, ACCEPTED, REFUSED, UNRECORDED, REQUEST_SECONDS, WAITING, READY)
