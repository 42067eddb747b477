"""Whatever a guarded program started ends with it, with its guard, and with the guard's parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from headwater.local import guard
from headwater.local.guard import PART_VARIABLE, STACK_VARIABLE, Job

_GUARD = Path(guard.__file__)
# A program like Airflow's scheduler: a child in its group, and a grandchild in a session of its own that ignores
# SIGTERM and whose parent is gone. Each writes its pid, then sleeps.
_FAMILY = textwrap.dedent(
    """
    import os, signal, sys, time
    def note(name):
        with open(os.path.join(sys.argv[1], name + ".new"), "w") as handle: handle.write(str(os.getpid()))
        os.rename(os.path.join(sys.argv[1], name + ".new"), os.path.join(sys.argv[1], name))
    if os.fork() == 0:
        note("child"); time.sleep(600)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            note("orphan"); time.sleep(600)
        os._exit(0)
    note("main"); time.sleep(600)
    """
)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Callable[[], list[psutil.Process]]]:
    """Waits for the three processes of the program; ends what a failed test leaves."""
    found: list[psutil.Process] = []

    def await_family() -> list[psutil.Process]:
        deadline = time.monotonic() + 20
        names = ("main", "child", "orphan")
        while not all((tmp_path / name).exists() for name in names):
            assert time.monotonic() < deadline, "The program did not start."
            time.sleep(0.02)
        found[:] = [psutil.Process(int((tmp_path / name).read_text())) for name in names]
        for name in names:
            (tmp_path / name).unlink()
        return list(found)

    yield await_family
    for process in found:
        if process.is_running():
            process.kill()


def start(tmp_path: Path, *, home: str = "", program: str = _FAMILY, grace_s: float = 5) -> subprocess.Popen[bytes]:
    """Start a guard over the program."""
    job = Job(
        command=(sys.executable, "-c", program, str(tmp_path)),
        part="family",
        state=str(tmp_path / "state.json"),
        folder=str(tmp_path),
        environment={PART_VARIABLE: "family"},
        grace_s=grace_s,
    )
    path = tmp_path / "job.json"
    path.write_text(job.text())
    environment = {**os.environ, STACK_VARIABLE: home or str(tmp_path)}
    return subprocess.Popen((sys.executable, "-I", "-S", str(_GUARD), str(path)), env=environment)


def ended(processes: list[psutil.Process], within_s: float = 10) -> bool:
    """Whether all end in time; zombies count as ended."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not any(found.is_running() and found.status() != psutil.STATUS_ZOMBIE for found in processes):
            return True
        time.sleep(0.02)
    return False


def test_sigterm_ends_children_and_orphans_that_ignore_it(
    tmp_path: Path, family: Callable[[], list[psutil.Process]]
) -> None:
    guarding = start(tmp_path)
    members = family()
    guarding.terminate()
    assert guarding.wait(15) == 128 + signal.SIGTERM
    # It does not end before they have.
    assert ended(members, within_s=0.5)


def test_death_of_the_program_ends_its_descendants(tmp_path: Path, family: Callable[[], list[psutil.Process]]) -> None:
    guarding = start(tmp_path)
    members = family()
    members[0].kill()
    assert guarding.wait(15) == 128 + signal.SIGKILL
    assert ended(members, within_s=0.5)


def test_death_of_the_parent_ends_everything(tmp_path: Path, family: Callable[[], list[psutil.Process]]) -> None:
    # The parent starts the guard and is killed, as a supervisor would be.
    program = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(600)"
    prepared = start(tmp_path)
    family()
    prepared.terminate()
    prepared.wait(15)
    words = (sys.executable, "-c", program, sys.executable, "-I", "-S", str(_GUARD), str(tmp_path / "job.json"))
    parent = subprocess.Popen(words, env={**os.environ, STACK_VARIABLE: str(tmp_path)})
    members = family()
    guarding = members[0].parent()
    assert guarding is not None
    parent.kill()
    parent.wait(5)
    assert ended([guarding, *members])


def test_a_killed_guard_takes_its_program_along_and_the_next_one_ends_the_rest(
    tmp_path: Path, family: Callable[[], list[psutil.Process]]
) -> None:
    first = start(tmp_path)
    old = family()
    first.kill()
    first.wait(5)
    assert ended(old[:1])
    assert old[2].is_running(), "Nothing is left to be found: the test shows nothing."
    second = start(tmp_path)
    new = family()
    assert ended(old, within_s=0.5)
    assert all(found.is_running() for found in new)
    second.terminate()
    second.wait(15)


def test_a_guard_leaves_the_same_part_of_another_stack_alone(
    tmp_path: Path, family: Callable[[], list[psutil.Process]]
) -> None:
    first = start(tmp_path, home="/one")
    members = family()
    second = start(tmp_path, home="/another")
    others = family()
    second.terminate()
    second.wait(15)
    assert ended(others)
    assert all(found.is_running() for found in members)
    first.terminate()
    first.wait(15)


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "open(sys.argv[1] + '/ready', 'w'); time.sleep(600)"
    )
    guarding = start(tmp_path, program=program, grace_s=0.3)
    deadline = time.monotonic() + 10
    while not (tmp_path / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    guarding.terminate()
    assert guarding.wait(10) == 128 + signal.SIGKILL


def test_the_exit_code_is_the_program_s(tmp_path: Path) -> None:
    assert start(tmp_path, program="raise SystemExit(7)").wait(10) == 7


def test_a_command_that_is_not_there_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "job.json"
    path.write_text(Job(command=("/no/such/program",)).text())
    done = subprocess.run((sys.executable, "-I", "-S", str(_GUARD), str(path)))
    assert done.returncode == 127
    assert "/no/such/program cannot be run" in capfd.readouterr().err


def test_starts_are_counted(tmp_path: Path) -> None:
    for _ in range(3):
        start(tmp_path, program="pass").wait(10)
    assert json.loads((tmp_path / "state.json").read_text())["starts"] == 3
