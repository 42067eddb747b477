"""Accepted events per CPU-second of the HTTP collector, against endpoints that only parse.

Correctness is checked with it: the topics hold exactly as many messages of each stream as events were accepted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import typer
from rich.console import Console
from rich.table import Table

from headwater.adapters.kafka import KafkaLog
from headwater.contracts.streams import VISIT_STREAMS
from tests.support.collector import serving
from tests.support.kafka import Broker
from tests.support.ports import free_port

_REQUIRED_RATIO = 0.2
_REQUIRED_P99_MS = 50.0
# A broker that has just started needs several times the CPU for each request, until its code is compiled.
_WARM_UP_S = 10.0
_CONNECTIONS = {1: 16, 10: 12, 100: 6}
console = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Run:
    """One load on one endpoint."""

    endpoint: str
    batch: int
    events: int
    per_cpu_s: float
    per_s: float
    p50_ms: float
    p99_ms: float


def _load(pid: int, port: int, path: str, key: str, batch: int, seconds: float) -> Run:
    program = psutil.Process(pid)
    command = [sys.executable, "-m", "bench.collect_load", str(port), path, key, str(batch), str(_CONNECTIONS[batch])]
    before = program.cpu_times()
    done = subprocess.run([*command, str(seconds)], capture_output=True, text=True, check=False)
    after = program.cpu_times()
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout)
    if set(found["statuses"]) != {"202"}:
        raise SystemExit(f"Not everything was taken: {found['statuses']}")
    events = found["requests"] * batch
    used = after.user + after.system - before.user - before.system
    return Run(path, batch, events, events / used, events / found["took_s"], found["p50_ms"], found["p99_ms"])


def main(seconds: float = 4.0, rounds: int = 2) -> None:
    """Measure batches of 1, 10 and 100."""
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="hw-bench-") as home, Broker.start(Path(home) / "kafka") as broker:
        port = free_port()
        bare = subprocess.Popen([sys.executable, "-m", "bench.bare_endpoint", str(port)])
        try:
            settings = {"collector_rate": "10000000"}
            with serving(Path(home) / "collector", broker.bootstrap, settings) as served:
                assert served.process is not None
                _wait(port)
                _load(served.process.pid, served.port, "/events", served.key, 1, _WARM_UP_S)
                log = KafkaLog(broker.bootstrap)
                before = {stream.topic: _messages(log, stream.topic) for stream in VISIT_STREAMS.values()}
                for batch in _CONNECTIONS:
                    for _ in range(rounds):
                        runs.append(_load(served.process.pid, served.port, "/events", served.key, batch, seconds))
                        runs.append(_load(bare.pid, port, "/json", "", batch, seconds / 2))
                        runs.append(_load(bare.pid, port, "/models", "", batch, seconds / 2))
                accepted = sum(run.events for run in runs if run.endpoint == "/events")
                for name in ("browser", "location", "interaction"):
                    topic = VISIT_STREAMS[name].topic
                    kept = _messages(log, topic) - before[topic]
                    if kept != accepted:
                        raise SystemExit(f"{topic} holds {kept} messages of {accepted} accepted events")
                memory = psutil.Process(served.process.pid).memory_info().rss
        finally:
            bare.terminate()
            bare.wait(10)
    _show(runs)
    console.print(f"{accepted:,} events accepted, each once in its topics; it took {memory / 2**20:.0f} MiB.")
    sys.exit(0 if _judge(runs) else 1)


def _messages(log: KafkaLog, topic: str) -> int:
    return sum(mark.end - mark.begin for mark in log.watermarks(topic).values())


def _wait(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/ready")
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _best(runs: list[Run], endpoint: str, batch: int) -> Run:
    return max((r for r in runs if (r.endpoint, r.batch) == (endpoint, batch)), key=lambda run: run.per_cpu_s)


def _show(runs: list[Run]) -> None:
    table = Table("endpoint", "batch", "events/CPU-s", "events/s", "p50 ms", "p99 ms", title="Best of the rounds")
    for batch in _CONNECTIONS:
        for endpoint in ("/events", "/json", "/models"):
            run = _best(runs, endpoint, batch)
            numbers = (f"{run.per_cpu_s:,.0f}", f"{run.per_s:,.0f}", f"{run.p50_ms:.1f}", f"{run.p99_ms:.1f}")
            table.add_row(endpoint, str(batch), *numbers)
    console.print(table)


def _judge(runs: list[Run]) -> bool:
    """Whether ratios and latencies are as required."""
    good = True
    for batch in _CONNECTIONS:
        ours = _best(runs, "/events", batch)
        for endpoint in ("/json", "/models"):
            ratio = ours.per_cpu_s / _best(runs, endpoint, batch).per_cpu_s
            required = batch == 100 and endpoint == "/json"
            ok = ratio >= _REQUIRED_RATIO or not required
            good &= ok
            said = f"at least {_REQUIRED_RATIO}" if required else "told only"
            console.print(
                f"{'ok  ' if ok else 'FAIL'} events/CPU-s of batches of {batch} to {endpoint}: {ratio:.2f} ({said})"
            )
        ok = ours.p99_ms < _REQUIRED_P99_MS
        good &= ok
        console.print(
            f"{'ok  ' if ok else 'FAIL'} p99 of batches of {batch}: {ours.p99_ms:.1f} ms (under {_REQUIRED_P99_MS:g})"
        )
    return good


if __name__ == "__main__":
    typer.run(main)
