"""Numbers for Prometheus: kept in this process, served as text on the loopback address."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from headwater.contracts.metrics import METRICS, Metric, MetricKind
from headwater.errors import FixSettings

_HOST = "127.0.0.1"
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STOP_POLL_S = 0.1

_Labels = tuple[str, ...]


class Metrics:
    """The values of the metrics of a closed list, by default the consumer's; safe to use from any thread."""

    def __init__(self, metrics: Sequence[Metric] = METRICS) -> None:
        self._metrics = tuple(metrics)
        self._lock = threading.Lock()
        self._values: dict[tuple[Metric, _Labels], float] = {}
        # Per histogram: observations per bucket (the last is without bound) and their sum.
        self._buckets: dict[tuple[Metric, _Labels], list[int]] = {}

    def add(self, metric: Metric, value: float = 1, /, **labels: str) -> None:
        """Let a counter grow."""
        key = (metric, _ordered(metric, labels))
        with self._lock:
            self._values[key] = self._values.get(key, 0) + value

    def set(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[metric, _ordered(metric, labels)] = value

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Count one value into a histogram."""
        key = (metric, _ordered(metric, labels))
        with self._lock:
            counts = self._buckets.setdefault(key, [0] * (len(metric.buckets) + 1))
            counts[bisect_left(metric.buckets, value)] += 1
            self._values[key] = self._values.get(key, 0) + value

    def render(self) -> str:
        """All metrics in Prometheus' text format; those without a value yet are named too."""
        with self._lock:
            lines = [line for metric in self._metrics for line in self._lines(metric)]
        return "\n".join(lines) + "\n"

    def _lines(self, metric: Metric) -> Iterator[str]:
        yield f"# HELP {metric.name} {metric.help}"
        yield f"# TYPE {metric.name} {metric.kind.value}"
        for (of, labels), value in sorted(self._values.items(), key=lambda item: item[0][1]):
            if of is not metric:
                continue
            if metric.kind is MetricKind.HISTOGRAM:
                yield from self._histogram(metric, labels, value)
            else:
                yield f"{metric.name}{_shown(metric, labels)} {_number(value)}"

    def _histogram(self, metric: Metric, labels: _Labels, total: float) -> Iterator[str]:
        seen = 0
        bounds = [*map(_number, metric.buckets), "+Inf"]
        for bound, count in zip(bounds, self._buckets[metric, labels], strict=True):
            seen += count
            yield f"{metric.name}_bucket{_shown(metric, labels, le=bound)} {seen}"
        yield f"{metric.name}_sum{_shown(metric, labels)} {_number(total)}"
        yield f"{metric.name}_count{_shown(metric, labels)} {seen}"


def _ordered(metric: Metric, labels: dict[str, str]) -> _Labels:
    """Values in the order of the contract; a name that it does not know is a mistake in the code."""
    if labels.keys() != set(metric.labels):
        raise ValueError(f"{metric.name} has the labels {metric.labels}, not {tuple(labels)}.")
    return tuple(labels[name] for name in metric.labels)


def _shown(metric: Metric, values: _Labels, **more: str) -> str:
    pairs = [*zip(metric.labels, values, strict=True), *more.items()]
    if not pairs:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


@contextmanager
def serving(metrics: Metrics, port: int) -> Iterator[int]:
    """Answer `GET /metrics` on 127.0.0.1 while the block runs; yields the port, a free one where 0 was asked for.

    Raises `FixSettings` when the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        """Answers with the values of the moment."""

        def do_GET(self) -> None:
            """One page; everything else is not found."""
            found = self.path.partition("?")[0] == "/metrics"
            body = (metrics.render() if found else "Look at /metrics.\n").encode()
            self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
            self.send_header("Content-Type", _CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Requests are not worth a line."""

    try:
        server = ThreadingHTTPServer((_HOST, port), Handler)
    except OSError as error:
        raise FixSettings(
            f"Port {port} for the metrics cannot be used: {error.strerror}. Choose another --metrics-port.", port=port
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(_STOP_POLL_S,), name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
