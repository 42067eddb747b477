"""The local stack keeps its promises when its processes are killed, and beside another stack."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx
import psutil
import pytest

from headwater.bootstrap import Platform
from headwater.contracts.streams import STREAMS
from headwater.local.airflow import HEARTBEATS
from headwater.local.guard import descendants
from headwater.local.processes import leftovers
from headwater.local.stack import Stack
from headwater.local.status import StackStatus
from headwater.settings import load_settings
from tests.e2e.conftest import StartStack
from tests.support.events import geo
from tests.support.places import new_folder

pytestmark = pytest.mark.e2e
_HEAL_S = 60.0


def test_every_part_works_and_listens_on_loopback_only(whole: Stack) -> None:
    _await_healthy(whole)
    status = whole.status()
    assert status.supervisor_pid is not None
    ours = set(descendants(status.supervisor_pid))
    listeners = [found for found in psutil.net_connections("inet") if found.status == psutil.CONN_LISTEN]
    addresses = {(found.laddr.ip, found.laddr.port) for found in listeners if found.pid in ours and found.laddr}
    assert {ip for ip, _ in addresses} <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert {port for _, port in addresses} == {port for part in status.parts for port in part.ports.values()}
    assert status.memory.pss_bytes < 4 * 1024**3, "The idle stack is to stay below 4 GB."


def test_up_again_changes_nothing_that_runs(whole: Stack) -> None:
    before = _pids(whole.status())
    whole.up()
    assert _pids(whole.status()) == before


@pytest.mark.parametrize(
    "parts",
    [
        ("kafka", "clickhouse", "s3", "airflow-triggerer", "airflow-processor"),
        ("airflow-api", "airflow-scheduler"),
        ("postgres",),
    ],
    ids=lambda parts: parts[0],
)
def test_killed_parts_come_back_within_a_minute_without_their_old_processes(
    whole: Stack, parts: tuple[str, ...]
) -> None:
    before = whole.status()
    pids = {name: pid for name, pid in _pids(before).items() if name in parts}
    old = _processes(pids.values())
    restarts = {name: before.part(name).restarts for name in parts}
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    _await_healed(whole, pids)
    assert _alive(old) == []
    after = whole.status()
    assert {name: after.part(name).restarts > restarts[name] for name in parts} == dict.fromkeys(parts, True)


def test_killed_guards_leave_no_second_copy(whole: Stack) -> None:
    parts = ("postgres", "airflow-scheduler", "kafka")
    pids = {name: pid for name, pid in _pids(whole.status()).items() if name in parts}
    guards = [psutil.Process(pid).ppid() for pid in pids.values()]
    old = _processes(guards)
    for guard in guards:
        os.kill(guard, signal.SIGKILL)
    _await_healed(whole, pids)
    assert _alive(old) == []


def test_two_stacks_run_side_by_side(whole: Stack, start_stack: StartStack) -> None:
    before = _pids(whole.status())
    home = new_folder("hw-e2e-")
    with start_stack(home, whole.settings.port_offset + 50, consumer=True) as other:
        _await_healthy(other)
        _consumes_once_there_is_something_to_consume(other)
        assert other.ports != whole.ports
        assert other.addresses()["HEADWATER_AIRFLOW_PASSWORD"] != whole.addresses()["HEADWATER_AIRFLOW_PASSWORD"]
        url, theirs = other.addresses()["HEADWATER_CLICKHOUSE_URL"], whole.addresses()["HEADWATER_CLICKHOUSE_URL"]
        foreign = f"{theirs.rsplit('@', 1)[0]}@{url.rsplit('@', 1)[1]}"
        assert httpx.post(foreign, content=b"SELECT 1").is_client_error, "One stack's login opens the other."
    _await_healthy(whole)
    assert _pids(whole.status()) == before


def _consumes_once_there_is_something_to_consume(stack: Stack) -> None:
    """The part `consumer` waits without dying until schema and topics are there, and its end is in order."""
    log = stack.layout.log("consumer")
    _await(lambda: '"event": "waiting"' in log.read_text(), log.read_text)
    platform = Platform(load_settings(stack.layout.home))
    platform.migrate()
    platform.create_topics()
    _await(lambda: log.read_text().count('"event": "resumed"') == 3 * len(STREAMS), log.read_text)
    with platform.log.sink() as sink:
        sink.send("geo_events", b"k", geo())

    def stored() -> bool:
        return any(row["topic"] == "geo_events" and row["staged"] for row in platform.database.rows("ops/stage_rows"))

    _await(stored, log.read_text)
    platform.close()
    part = stack.status().part("consumer")
    assert (part.healthy, part.restarts) == (True, 0)
    assert part.ports == {"consumer": stack.ports.consumer}
    assert stack.log_files("consumer") == [log]


def test_up_after_a_killed_supervisor_starts_no_second_copy(whole: Stack) -> None:
    before = whole.status()
    assert before.supervisor_pid is not None
    old = _processes([before.supervisor_pid])
    assert len(old) > len(before.parts)
    os.kill(before.supervisor_pid, signal.SIGKILL)
    whole.up()
    assert _alive(old) == []
    _await_healthy(whole)


def test_down_after_a_killed_supervisor_ends_everything(whole: Stack) -> None:
    pid = whole.status().supervisor_pid
    assert pid is not None
    old = _processes([pid])
    # Stopped guards cannot react to the death of their parent, so there is something to find.
    guards = psutil.Process(pid).children()
    for guard in guards:
        guard.suspend()
    os.kill(pid, signal.SIGKILL)
    for guard in guards[:2]:
        guard.kill()
    for guard in guards[2:]:
        guard.resume()
    assert whole.down() > 0
    assert _alive(old) == []
    assert leftovers(whole.layout.home, whole.layout.postgres_data) == []


def _pids(status: StackStatus) -> Mapping[str, int]:
    return {part.name: part.pid for part in status.parts if part.pid is not None}


def _processes(roots: object) -> list[psutil.Process]:
    """The processes `roots` and all that they started; each knows its creation time."""
    assert isinstance(roots, list | type({}.values()))
    pids = {pid for root in roots for pid in (root, *descendants(root))}
    return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


def _alive(processes: list[psutil.Process]) -> list[str]:
    """Those that still run; ending ones get a moment."""
    gone, left = psutil.wait_procs(processes, timeout=5)
    assert gone
    return [f"{found.pid} {found.name()}" for found in left if found.status() != psutil.STATUS_ZOMBIE]


def _await_healed(stack: Stack, killed: Mapping[str, int]) -> None:
    """New processes, and Airflow's have been in touch with the database since: they end some time after it does."""
    since = datetime.now(UTC)

    def healed() -> bool:
        status = stack.status()
        now = _pids(status)
        new = status.healthy and all(now.get(name, pid) != pid for name, pid in killed.items())
        return new and all(beat >= since for beat in _heartbeats(stack))

    _await(healed, lambda: stack.status().as_json())


def _heartbeats(stack: Stack) -> list[datetime]:
    """When each of Airflow's parts last told that it works."""
    try:
        found = httpx.get(f"{stack.addresses()['HEADWATER_AIRFLOW_URL']}/api/v2/monitor/health", timeout=10).json()
    except (httpx.HTTPError, ValueError):
        found = {}
    told = [found.get(key, {}).get(f"latest_{key}_heartbeat") for key in HEARTBEATS.values()]
    return [datetime.fromisoformat(beat or "1970-01-01T00:00:00+00:00") for beat in told]


def _await_healthy(stack: Stack) -> None:
    """A part that works may still be slow to say so for a moment, while its neighbours start."""
    _await(lambda: stack.status().healthy, lambda: stack.status().as_json())


def _await(true: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + _HEAL_S
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"Not healed within {_HEAL_S:.0f} s: {otherwise()}")
        time.sleep(0.2)
