"""The command line imports what a command needs, and offers all commands to those who ask."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer import BadParameter
from typer.main import get_group
from typer.testing import CliRunner

from headwater.entrypoints import commands as command_modules
from headwater.entrypoints.cli import COMMANDS, application
from headwater.entrypoints.commands.demo import _show_addresses
from headwater.entrypoints.commands.objects import _end_of
from headwater.errors import FixSettings
from headwater.settings import Settings


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


@pytest.mark.parametrize(
    ("option", "value"),
    [("--rate", "0"), ("--rate", "20001"), ("--duration", "0"), ("--duration", "86401"), ("--products", "0")],
)
def test_clicks_are_made_at_bounded_rates_for_a_bounded_time(option: str, value: str) -> None:
    done = CliRunner().invoke(application(["clicks"]), ["clicks", option, value])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.output


def test_the_demo_ends_with_the_address_of_the_dashboards_and_the_analyst_s_login(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, password = "http://127.0.0.1:8089", SecretStr("hush")
    _show_addresses(Settings(home=tmp_path, superset_url=url, superset_analyst_password=password))
    assert f"Dashboards   {url}/dashboard/list/  user analyst  password hush\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2026-01-31", "2026-02-01 00:00"),
        ("2026-01-31T00", "2026-01-31 01:00"),
        ("2026-01-31T08:30", "2026-01-31 09:00"),
    ],
)
def test_a_backfill_ends_with_the_last_day_or_hour(text: str, end: str) -> None:
    """The hour 00 is no day: a reload of it must not take out the other hours."""
    assert _end_of(text) == datetime.fromisoformat(end).replace(tzinfo=UTC)
    with pytest.raises(BadParameter, match="neither a day"):
        _end_of("2026-02-30")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "2026-01-02"], "not after its start"),
        (["--to", "2026-01-04", "--streams", "geo,brwoser"], "no objects of brwoser"),
    ],
)
def test_a_mistake_in_a_backfill_is_told_before_anything_is_looked_for(words: list[str], said: str) -> None:
    done = CliRunner().invoke(application(["backfill"]), ["backfill", "--from", "2026-01-03", *words])
    assert isinstance(done.exception, FixSettings)
    assert said in str(done.exception)


def test_every_module_of_commands_is_listed() -> None:
    """One that is not would never be found."""
    folder = Path(command_modules.__path__[0])
    modules = [path for path in folder.glob("*.py") if "def register(" in path.read_text()]
    assert {path.stem for path in modules} == set(COMMANDS)
