"""The stack's own behaviour, with small programs in the place of the real parts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from headwater.errors import FixSettings, Stop
from headwater.local.credentials import Credentials
from headwater.local.layout import Layout, Ports
from headwater.local.parts import Part, Plan, Step, job
from headwater.local.processes import leftovers
from headwater.local.stack import Stack
from headwater.local.start import Progress
from headwater.settings import Settings

pytestmark = pytest.mark.stack

# Writes the file that its health check looks for, then sleeps; it has a child, as servers do.
_GOOD = "import os, sys, time; os.fork(); open(sys.argv[1], 'w').close(); time.sleep(600)"
_BAD = "import sys; sys.exit('cannot open the box: the key is missing')"

MakeStack = Callable[..., Stack]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeStack]:
    """Makes stacks in short private homes; ends and removes them."""
    monkeypatch.delenv("HEADWATER_PORT_OFFSET", raising=False)
    stacks: list[Stack] = []
    root = Path(tempfile.mkdtemp(prefix="hwt-"))
    # The folders of sockets are removed with the rest.
    monkeypatch.setattr("tempfile.tempdir", str(root))

    def make_stack(plan: Callable[[Layout, Ports, Credentials], Plan], s3_port: int | None = None) -> Stack:
        stack = Stack(Settings(home=root / "home", s3_port=s3_port), plan)
        stacks.append(stack)
        return stack

    yield make_stack
    for stack in stacks:
        stack.down()
    shutil.rmtree(root)


def part(
    layout: Layout,
    name: str,
    program: str = _GOOD,
    needs: tuple[str, ...] = (),
    ports: Mapping[str, int] | None = None,
) -> Part:
    """A part that works once its file exists."""
    flag = layout.run / f"{name}.flag"
    work = job(layout, name, (sys.executable, "-I", "-S", "-c", program, str(flag)), grace_s=2)
    return Part(name, work, flag.exists, needs, ports or {}, prepare=lambda: flag.unlink(missing_ok=True))


def two_parts(layout: Layout, ports: Ports, _secrets: Credentials) -> Plan:
    """A step after the first part and before the second."""
    mark = layout.run / "step.log"
    command = (sys.executable, "-c", f"open({str(mark)!r}, 'a').write('ran\\n')")
    step = Step("step", job(layout, "step", command), layout.run / "step.version", "1", needs=("first",))
    first = part(layout, "first", ports={"s3": ports.s3})
    return Plan((first, part(layout, "second", needs=("step",))), (step,))


def test_up_is_repeatable_and_down_leaves_nothing_but_data(make: MakeStack) -> None:
    stack = make(two_parts)
    steps: list[Progress] = []
    stack.up(steps.append)
    healthy = [step.part for step in steps if step.state == "healthy"]
    assert healthy == ["first", "step", "second"]
    before = stack.status()
    assert before.healthy
    stack.up()
    assert [found.pid for found in stack.status().parts] == [found.pid for found in before.parts]
    assert (stack.layout.run / "step.log").read_text() == "ran\n"
    assert json.loads(before.as_json())["parts"][0]["ports"] == {"s3": 9000}
    assert before.supervisor_pid is not None
    processes = [psutil.Process(before.supervisor_pid), *psutil.Process(before.supervisor_pid).children(recursive=True)]
    assert len(processes) == 1 + 2 * 3, "supervisor; and for each part guard, program and its child"
    assert stack.down() == 2
    assert alive(processes) == []
    assert stack.layout.stack_env.is_file()
    assert not stack.layout.runtime.exists()
    assert stack.down() == 0
    assert not stack.status().healthy


def test_a_part_that_fails_shows_the_end_of_its_log_and_what_to_do(make: MakeStack) -> None:
    def plan(layout: Layout, _ports: Ports, _secrets: Credentials) -> Plan:
        return Plan((part(layout, "good"), part(layout, "bad", _BAD), part(layout, "later", needs=("bad",))))

    stack = make(plan)
    with pytest.raises(Stop) as caught:
        stack.up()
    message = str(caught.value)
    assert message.startswith("bad ended 3 times")
    assert "cannot open the box: the key is missing" in message
    assert str(stack.layout.log("bad")) in message
    assert "headwater up" in message
    states = {found.name: found.state for found in stack.status().parts}
    assert states == {"good": "running", "bad": "failing", "later": "stopped"}


def test_a_step_that_fails_stops_what_needs_it(make: MakeStack) -> None:
    def plan(layout: Layout, _ports: Ports, _secrets: Credentials) -> Plan:
        step = Step("step", job(layout, "step", (sys.executable, "-c", _BAD)), layout.run / "stamp", "1")
        return Plan((part(layout, "later", needs=("step",)),), (step,))

    stack = make(plan)
    with pytest.raises(Stop, match=r"step ended with exit code 1(.|\n)*the key is missing"):
        stack.up()
    assert not (stack.layout.run / "stamp").exists()
    assert stack.status().part("later").state == "stopped"


def test_a_taken_port_is_named_and_nothing_starts(make: MakeStack) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        stack = make(two_parts, s3_port=server.getsockname()[1])
        with pytest.raises(FixSettings, match="HEADWATER_S3_PORT"):
            stack.up()
        assert leftovers(stack.layout.home, stack.layout.postgres_data) == []


def test_two_ups_at_once_start_one_copy(make: MakeStack) -> None:
    stack = make(two_parts)
    failures: list[Exception] = []

    def up() -> None:
        try:
            Stack(stack.settings, two_parts).up()
        except Exception as error:  # noqa: BLE001  the test shows it
            failures.append(error)

    threads = [threading.Thread(target=up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(leftovers(stack.layout.home, stack.layout.postgres_data)) == 1 + 2 * 3
    assert [found.restarts for found in stack.status().parts] == [0, 0]


def test_a_killed_part_comes_back_and_its_restart_is_counted(make: MakeStack) -> None:
    stack = make(two_parts)
    stack.up()
    pid = stack.status().part("first").pid
    assert pid is not None
    old = [psutil.Process(pid), *psutil.Process(pid).children()]
    assert len(old) == 2
    os.kill(pid, signal.SIGKILL)
    await_true(lambda: stack.status().part("first").restarts == 1 and stack.status().healthy)
    assert alive(old) == []


def test_up_after_a_killed_supervisor_replaces_every_process(make: MakeStack) -> None:
    stack = make(two_parts)
    stack.up()
    pid = stack.status().supervisor_pid
    assert pid is not None
    old = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    os.kill(pid, signal.SIGKILL)
    stack.up()
    assert alive(old) == []
    assert len(leftovers(stack.layout.home, stack.layout.postgres_data)) == len(old)


def test_other_settings_restart_the_stack(make: MakeStack) -> None:
    stack = make(two_parts)
    stack.up()
    before = stack.status().part("first").pid
    moved = Stack(stack.settings, lambda layout, _ports, _secrets: Plan((part(layout, "first", ports={"s3": 9999}),)))
    moved.up()
    assert stack.status().part("second").state == "stopped"
    now = moved.status().part("first").pid
    assert now is not None
    assert now != before


def test_clean_removes_the_state_and_keeps_other_files(make: MakeStack) -> None:
    stack = make(two_parts)
    stack.up()
    notes = stack.layout.home / "my notes.txt"
    notes.write_text("mine")
    sizes = stack.state_size_bytes()
    assert {"run", "logs", "secrets", "stack.env"} <= set(sizes)
    assert stack.clean() > 0
    assert [path.name for path in stack.layout.home.iterdir()] == ["my notes.txt"]
    assert leftovers(stack.layout.home, stack.layout.postgres_data) == []
    assert stack.state_size_bytes() == {}


def test_logs_of_an_unknown_part_name_the_known_ones(make: MakeStack) -> None:
    stack = make(two_parts)
    stack.up()
    with pytest.raises(FixSettings, match="first, second"):
        stack.log_files("third")
    assert stack.log_files("first") == [stack.layout.log("first")]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that run; a zombie only waits to be taken note of."""
    return [found for found in processes if found.is_running() and found.status() != psutil.STATUS_ZOMBIE]


def await_true(true: Callable[[], bool], within_s: float = 20) -> None:
    """Poll until it is true."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
