"""What a build costs: by what is new and not by what is stored, against one join by hand, and in memory over a backlog.

Run by `make bench-build`. The real engine behind its front; the same events an hour, only more hours. Every event is
counted in the facts and in both aggregates after each run.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.backlog import Backlog
from bench.measure import cpu_s, forget_peak, peak_bytes
from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.clock import SystemClock
from headwater.app.build import Build, BuildLimits
from headwater.app.migrate import migrate, read_migrations
from headwater.assets import asset
from tests.support.front import Front

console = Console(stderr=True)
# What must hold.
_GROWTH, _RATIO, _BACKLOG_BYTES = 1.2, 0.5, 4 << 30
_HOURLY = 10_000
_BY_HAND = Path(__file__).with_name("stage") / "by_hand.sql"
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one build: wall seconds, CPU-seconds of the engine and of the builder, and bytes read out of tables."""

    wall_s: float
    cpu_s: float
    read_bytes: int


@dataclass
class Place:
    """A front with a warehouse, and the events that are staged there."""

    front: Front
    database: ClickHouse
    backlog: Backlog

    def build(self, events: int) -> Cost:
        """Stage so many new events and build them; every one must become a fact."""
        self.backlog.add(events)
        before, began, cpu = self._read(), time.perf_counter(), self.cpu_s()
        built = Build(self.database, SystemClock(), BuildLimits()).run()
        cost = Cost(time.perf_counter() - began, self.cpu_s() - cpu, self._read() - before)
        assert built.facts == events, f"{built.facts:,} facts of {events:,} events"
        return cost

    def check(self) -> None:
        """Facts and aggregates hold every event once."""
        row = self.database.query(
            "SELECT (SELECT count() FROM analytics.fact_events) AS facts, (SELECT countIf(is_complete) FROM "
            "analytics.fact_events) AS complete, (SELECT countMerge(total_events) FROM analytics.agg_events_hourly) AS "
            "hourly, (SELECT countMerge(total_events) FROM analytics.agg_traffic_sources) AS traffic"
        )[0]
        assert set(row.values()) == {self.backlog.staged}, f"{dict(row)} of {self.backlog.staged:,} events"

    def cpu_s(self) -> float:
        """CPU-seconds that the engine and this process have used."""
        return cpu_s(self.front.pid) + cpu_s(os.getpid())

    def _read(self) -> int:
        rows = self.database.query("SELECT value FROM system.events WHERE event = 'SelectedBytes'")
        return int(rows[0]["value"]) if rows else 0


@contextmanager
def _place(stored: int) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="hwb-") as folder, Front.start(Path(folder) / "ch") as front:
        owner = ClickHouse(front.owner_url)
        migrate(read_migrations(asset("clickhouse/migrations")), owner)
        hours = (stored + 20_000_000) // _HOURLY
        start = int((datetime.now(UTC) - timedelta(hours=hours)).timestamp())
        place = Place(front, owner, Backlog.open(owner, start, _HOURLY))
        if stored:
            place.build(stored)
        yield place
        place.check()
        owner.close()


def _new_on_stored(new: int, stored: int) -> Cost:
    """The middle of several builds of `new` events on top of `stored` ones; the first warms up."""
    with _place(stored) as place:
        costs = [place.build(new) for _ in range(_ROUNDS + 1)][1:]
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        int(statistics.median(cost.read_bytes for cost in costs)),
    )


def _by_hand(place: Place, target: str) -> float:
    """CPU-seconds of one INSERT … SELECT join of the staged rows that nothing guards."""
    began = place.cpu_s()
    place.database.execute(_BY_HAND.read_text().replace("bench.target", target))
    return place.cpu_s() - began


def _against_a_join(events: int) -> tuple[float, float]:
    """Events per CPU-second as a ratio to the join by hand: into a table with the same views, and into a bare one."""
    with _place(0) as place:
        place.build(100_000)  # warms up
        cost = place.build(events)
        owner = place.database
        owner.execute("CREATE TABLE analytics.bare AS analytics.fact_events")
        bare = _by_hand(place, "analytics.bare")
        for row in owner.rows("correct/view_selects"):
            if "FROM analytics.fact_events" in row["as_select"]:
                target = row["view"].removesuffix("_mv")
                owner.execute(f"CREATE TABLE {target}_twin AS {target}")
                select = row["as_select"].replace("FROM analytics.fact_events", "FROM analytics.twin AS fact_events")
                owner.execute("CREATE TABLE IF NOT EXISTS analytics.twin AS analytics.fact_events")
                owner.execute(f"CREATE MATERIALIZED VIEW {target}_twin_mv TO {target}_twin AS {select}")
        twin = _by_hand(place, "analytics.twin")
        share = events / place.backlog.staged  # the join takes the warm-up's rows too
    return twin * share / cost.cpu_s, bare * share / cost.cpu_s


def _backlog(events: int) -> tuple[float, int]:
    """Seconds and peak memory of the engine of a build over so many staged events."""
    with _place(0) as place:
        place.backlog.add(events)
        forget_peak(place.front.pid)
        began = time.perf_counter()
        built = Build(place.database, SystemClock(), BuildLimits()).run()
        took = time.perf_counter() - began
        assert built.facts == events
        return took, peak_bytes(place.front.pid)


def main(
    new: Annotated[int, typer.Option(help="New events of a build.")] = 100_000,
    stored: Annotated[list[int] | None, typer.Option(help="Events that are stored already; repeatable.")] = None,
    join: Annotated[int, typer.Option(help="Events of the comparison with a join by hand; 0: leave out.")] = 1_000_000,
    backlog: Annotated[int, typer.Option(help="Events of a backlog, for the memory; 0: leave out.")] = 0,
) -> None:
    """Measure, print, and fail where a bound is broken."""
    table = Table("what", "seconds", "CPU-seconds", "bytes read", "of the first", title="A build")
    broken: list[str] = []
    costs = {rows: _new_on_stored(new, rows) for rows in stored or [1_000_000, 10_000_000]}
    first = next(iter(costs.values()))
    for rows, cost in costs.items():
        growth = (cost.wall_s / first.wall_s, cost.read_bytes / first.read_bytes)
        table.add_row(
            f"{new:,} new on {rows:,}",
            f"{cost.wall_s:.2f}",
            f"{cost.cpu_s:.2f}",
            f"{cost.read_bytes:,}",
            f"{growth[0]:.2f}, {growth[1]:.2f}",
        )
        broken += [f"{rows:,}: {growth}"] if max(growth) > _GROWTH else []
    if join:
        twin, bare = _against_a_join(join)
        table.add_row(f"{join:,} against a join by hand", "", "", "", f"{twin:.2f} (same views), {bare:.2f} (no views)")
        broken += [f"join {twin:.2f}"] if twin < _RATIO else []
    if backlog:
        took, peak = _backlog(backlog)
        table.add_row(f"backlog of {backlog:,}", f"{took:.0f}", "", "", f"peak {peak / (1 << 30):.2f} GiB")
        broken += [f"peak {peak:,}"] if peak > _BACKLOG_BYTES else []
    console.print(table)
    if broken:
        raise SystemExit(f"Out of bounds: {broken}")


if __name__ == "__main__":
    typer.run(main)
