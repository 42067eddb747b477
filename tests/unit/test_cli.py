"""The command line imports what a command needs, and offers all commands to those who ask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_group

from headwater.entrypoints import commands as command_modules
from headwater.entrypoints.cli import COMMANDS, application


@pytest.mark.parametrize("module", COMMANDS)
def test_a_module_adds_the_commands_by_which_it_is_found(module: str) -> None:
    for command in COMMANDS[module]:
        found = set(get_group(application([command])).commands)
        assert found == set(COMMANDS[module]), f"Name the commands of commands/{module}.py in cli.py."


@pytest.mark.parametrize("words", [[], ["--help"], ["no-such-command"]])
def test_help_and_mistakes_know_all_commands(words: list[str]) -> None:
    every = [command for commands in COMMANDS.values() for command in commands]
    assert sorted(get_group(application(words)).commands) == sorted(every)


@pytest.mark.parametrize(
    ("command", "heavy"),
    [("status", ("clickhouse_connect", "boto3", "pyarrow", "jgo")), ("consume", ("boto3", "jgo", "httpx"))],
)
def test_a_command_waits_for_no_library_that_it_does_not_use(command: str, heavy: tuple[str, ...]) -> None:
    look = f"import sys; from headwater.entrypoints.cli import application; application([{command!r}]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert sorted(set(heavy) & set(done.stdout.split())) == []


def test_every_module_of_commands_is_listed() -> None:
    """One that is not would never be found."""
    folder = Path(command_modules.__path__[0])
    modules = [path for path in folder.glob("*.py") if "def register(" in path.read_text()]
    assert {path.stem for path in modules} == set(COMMANDS)
