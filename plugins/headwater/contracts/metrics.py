"""The metrics of the consumer: a closed list, which the exporter, the docs page and the tests hold to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """How the values of a metric behave, in Prometheus' words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; the unit is part of the name, as Prometheus asks."""

    name: str
    kind: MetricKind
    unit: str
    help: str
    labels: tuple[str, ...] = ("stream",)
    # Upper bounds of a histogram's buckets.
    buckets: tuple[float, ...] = ()


ROWS = Metric(
    "headwater_ingested_rows_total",
    MetricKind.COUNTER,
    "rows",
    "Messages that were found again in a target: staged, dead_letters or heartbeats.",
    ("stream", "target"),
)
REJECTS = Metric(
    "headwater_rejects_total",
    MetricKind.COUNTER,
    "messages",
    "Dead letters by reason; counted up to 5 s after they were stored.",
    ("stream", "reason"),
)
LOST = Metric(
    "headwater_lost_messages_total",
    MetricKind.COUNTER,
    "messages",
    "Offsets that retention removed before they were stored.",
)
CLAIMS = Metric(
    "headwater_claims_total",
    MetricKind.COUNTER,
    "claims",
    "Claims that this process won, and those of other members that it obeyed and finished.",
    ("stream", "outcome"),
)
REPAIRS = Metric(
    "headwater_repairs_total",
    MetricKind.COUNTER,
    "inserts",
    "Inserts that were needed because rows of a claim were missing after the first; one that mends several claims "
    "counts for each.",
)
INSERT_SECONDS = Metric(
    "headwater_insert_seconds",
    MetricKind.HISTOGRAM,
    "seconds",
    "From the first insert of a claim until every row was counted.",
    ("stream",),
    (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
LAG = Metric(
    "headwater_lag_messages",
    MetricKind.GAUGE,
    "messages",
    "Offsets of the partition that no claim of any member covers yet.",
    ("stream", "partition"),
)
LAST_STORED = Metric(
    "headwater_last_stored_timestamp_seconds",
    MetricKind.GAUGE,
    "seconds",
    "Time at which this process last closed a claim, since 1970.",
)
RUNNING = Metric(
    "headwater_stream_running",
    MetricKind.GAUGE,
    "1 or 0",
    "Whether the stream has a running member in this process; 0 while it waits to start again.",
)
FAILURES = Metric(
    "headwater_stream_failures_total",
    MetricKind.COUNTER,
    "errors",
    "Errors that ended a member, by what follows from them: retry, fix_settings, stop or unexpected.",
    ("stream", "consequence"),
)

METRICS: tuple[Metric, ...] = (
    ROWS,
    REJECTS,
    LOST,
    CLAIMS,
    REPAIRS,
    INSERT_SECONDS,
    LAG,
    LAST_STORED,
    RUNNING,
    FAILURES,
)
