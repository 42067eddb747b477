"""The commands of the stack speak plainly, and their exit codes tell the truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from headwater.entrypoints.commands import stack as commands
from headwater.errors import FixSettings
from headwater.local.credentials import Credentials
from headwater.local.stack import Stack
from headwater.local.start import Progress, Started


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that the commands use."""
    (tmp_path / "t").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def command() -> Callable[..., Any]:
    """Runs a command."""
    app = typer.Typer()
    commands.register(app)
    return lambda *words, **options: CliRunner().invoke(app, list(words), **options)


@pytest.fixture
def logs(home: Path) -> Path:
    """The log folder of a home in which a stack was started once, and does not run now."""
    stack = Stack.of()
    stack.layout.make()
    from headwater.local.credentials import write_stack_env

    write_stack_env(stack.layout, Credentials.of(stack.layout).addresses(stack.ports), stack.settings)
    (home / "logs" / "kafka.log").write_text("".join(f"line {n}\n" for n in range(100)))
    (home / "logs" / "s3.log").write_text("one\n")
    return home / "logs"


@pytest.mark.usefixtures("home")
def test_without_a_stack_each_command_says_how_to_start_one(command: Callable[..., Any]) -> None:
    status = command("status")
    assert status.exit_code == 1
    assert "headwater up" in status.output
    for words in (("env",), ("logs",)):
        error = command(*words).exception
        assert isinstance(error, FixSettings)
        assert "headwater up" in str(error)
    down = command("down")
    assert down.exit_code == 0
    assert "Nothing ran." in down.output


@pytest.mark.usefixtures("logs")
def test_status_of_a_stopped_stack_is_not_success(command: Callable[..., Any]) -> None:
    result = command("status", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["healthy"] is False
    assert {part["state"] for part in found["parts"]} == {"stopped"}
    assert "kafka" in {part["name"] for part in found["parts"]}


@pytest.mark.parametrize("part", ["consumer", "windows", "visitors"])
def test_up_takes_a_part_from_the_option_else_from_the_settings(
    part: str, home: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, list[str]]] = []

    class Kept(Stack):
        """Notes what it would start."""

        def up(self, report: Callable[[Progress], None] = lambda _step: None) -> Started:
            self.layout.make()
            plan = self._plan(self.layout, self.ports, Credentials.of(self.layout))
            seen.append((getattr(self.settings, part), [each.name for each in plan.parts]))
            return Started(0.0, {"HEADWATER_AIRFLOW_URL": ""})

    monkeypatch.setattr(commands, "Stack", Kept)
    variable = f"HEADWATER_{part.upper()}"
    monkeypatch.delenv(variable, raising=False)
    for words in (("up",), ("up", f"--with-{part}")):
        assert command(*words).exit_code == 0
    monkeypatch.setenv(variable, "1")
    for words in (("up",), ("up", f"--without-{part}")):
        assert command(*words).exit_code == 0
    assert [wanted for wanted, _ in seen] == [False, True, True, False]
    assert all((part in names) == wanted for wanted, names in seen)
    assert home.is_dir()


@pytest.mark.usefixtures("logs")
def test_env_prints_what_other_programs_need(command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_SUPERSET", "0")
    lines = dict(line.split("=", 1) for line in command("env").stdout.splitlines())
    monkeypatch.setenv("HEADWATER_SUPERSET", "1")
    more = dict(line.split("=", 1) for line in command("env").stdout.splitlines())
    assert set(more) - set(lines) == {
        "HEADWATER_SUPERSET_URL",
        "HEADWATER_SUPERSET_USER",
        "HEADWATER_SUPERSET_PASSWORD",
        "HEADWATER_SUPERSET_ANALYST_USER",
        "HEADWATER_SUPERSET_ANALYST_PASSWORD",
    }
    assert all(more.values())
    assert set(lines) == {
        "HEADWATER_CLICKHOUSE_URL",
        "HEADWATER_CLICKHOUSE_WRITER_URL",
        "HEADWATER_CLICKHOUSE_READER_URL",
        "HEADWATER_KAFKA_BOOTSTRAP",
        "HEADWATER_AIRFLOW_URL",
        "HEADWATER_AIRFLOW_USER",
        "HEADWATER_AIRFLOW_PASSWORD",
        "HEADWATER_COLLECTOR_URL",
        "HEADWATER_COLLECTOR_WRITE_KEY",
        "HEADWATER_S3_ENDPOINT",
        "HEADWATER_S3_ACCESS_KEY",
        "HEADWATER_S3_SECRET_KEY",
        "HEADWATER_S3_BUCKET",
    }
    assert all(lines.values())


@pytest.mark.usefixtures("logs")
def test_logs_show_the_last_lines(command: Callable[..., Any]) -> None:
    assert command("logs", "kafka", "-n", "2").stdout.splitlines() == ["line 98", "line 99"]
    both = command("logs", "-n", "1").stdout.split()
    assert both == ["kafka", "line", "99", "s3", "one"]


def test_followed_logs_show_whole_new_lines_and_survive_rotation(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = logs / "kafka.log"
    end = path.stat().st_size
    with path.open("a") as log:
        log.write("whole\nha")
    end = commands._show_new(path, end, names=False)
    with path.open("a") as log:
        log.write("lf\n")
    end = commands._show_new(path, end, names=False)
    path.write_text("fresh\n")
    commands._show_new(path, end, names=False)
    assert capsys.readouterr().out.splitlines() == ["whole", "half", "fresh"]


def test_clean_shows_what_it_would_remove_and_asks(command: Callable[..., Any], home: Path, logs: Path) -> None:
    refused = command("clean", input="n\n")
    assert refused.exit_code == 1
    assert "logs" in refused.output
    assert logs.is_dir()
    accepted = command("clean", input="y\n")
    assert accepted.exit_code == 0, accepted.output
    assert not home.exists()
    assert "nothing to remove" in command("clean", "--yes").output


def test_every_command_teaches(command: Callable[..., Any]) -> None:
    for name in ("up", "down", "status", "logs", "env", "clean"):
        text = command(name, "--help").output
        assert len(text.split()) > 30, name
