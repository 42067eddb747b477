"""Inserts that are repeated under a token are read as one sorted stream.

The engine makes the identity of an inserted block of the token and of the chunks that were squashed into it. Their
number and sizes differ with threads, with the parts of the tables that are read, and with the order in which the
branches of a union end; one thread that sorts by something that no table is sorted by gives the same chunks always.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.build import Build, BuildLimits
from tests.support.events import browser, device, geo, location
from tests.support.front import Front
from tests.support.staging import Stage

ROOT = Path(__file__).resolve().parents[2] / "clickhouse" / "sql"
# One row made of nothing but parameters: always one chunk.
ONE_CHUNK = {"claim_plan", "finish", "mark", "take_turn", "request", "nothing_waits"}
# Written without a token: shadows belong to one attempt, dimensions are exchanged whole, and a count of leading days, or the
# book of a count of sessions, that stands twice is read once.
NO_TOKEN = {"fill_facts", "keep_days", "dim_users", "dim_geo", "count_leading", "keep_sessions"}
INSERTS = [
    path for folder in ("build", "correct", "erase", "reload", "truncate")
    for path in sorted((ROOT / folder).glob("*.sql"))
    if "INSERT INTO" in path.read_text() and path.stem not in ONE_CHUNK | NO_TOKEN
]  # fmt: skip


@pytest.mark.parametrize("path", INSERTS, ids=lambda path: path.stem)
def test_an_insert_with_a_token_ends_in_one_sorted_stream(path: Path) -> None:
    text = path.read_text()
    by_hash = r"\nORDER BY cityHash64\([^)]+\) --[^\n]+\nSETTINGS max_threads = 1(, \w+ = \d+)*\n$"
    by_columns = r"\nORDER BY [^\n]+ --[^\n]+\nSETTINGS max_threads = 1, optimize_read_in_order = 0(, \w+ = \d+)*\n$"
    assert re.search(by_hash, text) or re.search(by_columns, text), (
        f"{path.name} must end with ORDER BY cityHash64(…) and SETTINGS max_threads = 1 (or with another order and "
        "optimize_read_in_order = 0), or its token tells apart what is equal."
    )


def test_there_are_inserts_to_look_at() -> None:
    assert len(INSERTS) >= 9


@pytest.mark.stack
def test_builders_at_once_write_every_row_of_the_books_once(stage: Stage, front: Front) -> None:
    for round_ in range(4):
        names = [f"{round_}-{n}" for n in range(6)]
        for name in names:  # one part of staging each
            stage.send("browser", browser(name, click=name))
            stage.send("device", device(name), device(name))
        stage.send("geo", *[geo(name) for name in names])
        stage.send("location", *[location(f"other {name}") for name in names])
        with ThreadPoolExecutor(4) as pool:
            runs = [pool.submit(Build(ClickHouse(front.writer_url), stage.clock, BuildLimits()).run) for _ in range(4)]
        for run in runs:
            run.result()
        rows = 6 * (round_ + 1)
        last = "plan = (SELECT max(plan) FROM ops.plans_done)"
        assert stage.count("ops.visits", "part = 'device'") == stage.count("ops.visits", "part = 'geo'") == rows
        assert stage.count("ops.waiting", f"kind = 'location' AND {last}") == rows
        assert stage.count("ops.waiting", f"kind = 'end' AND {last}") == 1
        assert stage.count("ops.arrivals", "events = 0") == stage.count("ops.plans")
