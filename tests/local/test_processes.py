"""The sweep ends what belongs to a stack, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.local.guard import STACK_VARIABLE
from headwater.local.processes import leftovers, memory, sweep

_SLEEP = (sys.executable, "-I", "-S", "-c", "import sys, time; print('ready', flush=True); time.sleep(600)")


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes to end after the test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait(5)
        assert process.stdout is not None
        process.stdout.close()


def sleeper(children: list[subprocess.Popen[bytes]], **variables: str) -> subprocess.Popen[bytes]:
    """A process with these variables that runs by now."""
    process = subprocess.Popen(_SLEEP, env={**os.environ, **variables}, stdout=subprocess.PIPE)
    children.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_sweep_ends_only_processes_of_the_home(children: list[subprocess.Popen[bytes]], tmp_path: Path) -> None:
    mine = sleeper(children, **{STACK_VARIABLE: str(tmp_path)})
    other = sleeper(children, **{STACK_VARIABLE: f"{tmp_path}-other"})
    # A shell in which somebody set the home is not part of the stack.
    shell = sleeper(children, HEADWATER_HOME=str(tmp_path))
    assert sweep(tmp_path, tmp_path / "data") == 1
    assert mine.wait(5) < 0
    assert other.poll() is None
    assert shell.poll() is None
    assert leftovers(tmp_path, tmp_path / "data") == []


def test_sweep_of_a_home_without_processes_does_nothing(tmp_path: Path) -> None:
    assert sweep(tmp_path, tmp_path / "data") == 0


def test_memory_counts_descendants(children: list[subprocess.Popen[bytes]]) -> None:
    alone = memory(os.getpid())
    sleeper(children)
    both = memory(os.getpid())
    assert alone.pss_bytes > 0
    assert both.rss_bytes > alone.rss_bytes + 2 * 1024 * 1024
    assert both.pss_bytes <= both.rss_bytes
