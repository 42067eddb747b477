"""What the stack writes for its programs: loopback only, no secret in sight, names that the programs know."""

from __future__ import annotations

import configparser
import dataclasses
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from supervisor.options import ServerOptions

from headwater.assets import asset, project_root
from headwater.errors import FixSettings
from headwater.local import airflow, kafka, superset
from headwater.local.credentials import Credentials
from headwater.local.layout import Layout, Ports
from headwater.local.parts import DATABASE_STEP, base_environment, platform
from headwater.local.supervisor import render
from headwater.settings import Settings


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A home whose path has characters that configuration files treat specially."""
    (tmp_path / "t").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    found = Layout.of(Settings(home=tmp_path / "100% mine"))
    found.make()
    return found


@pytest.fixture
def secrets(layout: Layout) -> Credentials:
    """Its credentials."""
    return Credentials.of(layout)


PORTS = Ports(
    airflow=18080,
    clickhouse=18123,
    kafka=19092,
    kafka_controller=19093,
    s3=19000,
    consumer=19108,
    windows=19109,
    superset=18088,
)


def test_kafka_listens_on_loopback_only_and_keeps_its_own_time(tmp_path: Path) -> None:
    text = kafka.render(kafka.Node(tmp_path, 19092, 19093))
    lines = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
    for key in ("listeners", "advertised.listeners"):
        assert re.findall(r"//([^:]+):(\d+)", lines[key]) == [("127.0.0.1", "19092"), ("127.0.0.1", "19093")]
    assert lines["log.message.timestamp.type"] == "LogAppendTime"
    assert lines["auto.create.topics.enable"] == "false"
    assert lines["log.dirs"] == str(tmp_path / "data")
    assert "{" not in text.replace("{…}", "")
    topics = yaml.safe_load(asset("kafka/topics.yaml").read_text())
    assert int(lines["message.max.bytes"]) >= topics["defaults"]["config"]["max.message.bytes"]


def test_supervisord_reads_its_configuration_as_meant(
    layout: Layout, secrets: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = layout.run / "supervisord.conf"
    plan = platform(layout, PORTS, secrets)
    path.write_text(render(layout, plan.parts))
    monkeypatch.chdir(layout.run)
    options = ServerOptions()
    options.realize(["-c", str(path)])
    programs = {group.process_configs[0].name: group.process_configs[0] for group in options.process_group_configs}
    assert sorted(programs) == sorted(part.name for part in plan.parts)
    for part in plan.parts:
        program = programs[part.name]
        assert program.command.split()[-1] == f"{part.name}.job.json"
        assert program.directory is None, "The job file is found from the run folder."
        assert (layout.run / program.stdout_logfile).resolve() == layout.log(part.name)
        assert (program.autostart, program.autorestart is not False) == (False, True)
        assert program.stopwaitsecs > part.job.grace_s + 5, "The guard must never be killed while it still ends others."
    (server,) = options.server_configs
    assert (server["file"], server["chmod"]) == (str(layout.supervisor_socket), 0o700)
    assert Path(options.pidfile).resolve() == layout.run / "supervisor.pid"


def test_no_secret_is_in_a_command_or_in_the_supervisor_s_configuration(layout: Layout, secrets: Credentials) -> None:
    plan = platform(layout, PORTS, secrets)
    shown = render(layout, plan.parts) + " ".join(word for part in plan.parts for word in part.job.command)
    for name in Credentials.__dataclass_fields__:
        assert getattr(secrets, name) not in shown, name


def test_a_consumer_is_part_of_the_stack_only_where_it_is_asked_for(layout: Layout, secrets: Credentials) -> None:
    assert "consumer" not in {part.name for part in platform(layout, PORTS, secrets).parts}
    (part,) = [each for each in platform(layout, PORTS, secrets, consumer=True).parts if each.name == "consumer"]
    assert part.job.command[3:] == ("consume", "--wait", "--metrics-port", "19108")
    assert part.ports == {"consumer": 19108}
    assert not part.healthy(), "Nothing answers at that port."


def test_windows_are_part_of_the_stack_only_where_they_are_asked_for(layout: Layout, secrets: Credentials) -> None:
    assert "windows" not in {part.name for part in platform(layout, PORTS, secrets).parts}
    (part,) = [each for each in platform(layout, PORTS, secrets, windows=True).parts if each.name == "windows"]
    assert part.job.command[3:] == ("windows", "--wait", "--metrics-port", "19109")
    assert part.ports == {"windows": 19109}
    assert not part.healthy(), "Nothing answers at that port."


def test_superset_is_part_of_the_stack_only_where_it_is_asked_for(
    layout: Layout, secrets: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "superset" not in {part.name for part in platform(layout, PORTS, secrets).parts}
    monkeypatch.setattr(superset, "version", lambda: "6.1.0")
    plan = platform(layout, PORTS, secrets, with_superset=True)
    (part,) = [each for each in plan.parts if each.name == "superset"]
    assert "127.0.0.1:18088" in part.job.command
    assert part.ports == {"superset": 18088}
    assert not part.healthy(), "Nothing answers at that port."
    steps = {step.name: step for step in plan.steps}
    assert steps["superset-db"].needs == ("postgres",)
    assert "superset" in steps["dashboards"].needs
    # The server never learns the passwords of its users.
    assert secrets.superset_password not in part.job.environment.values()
    assert secrets.superset_password in steps["superset-db"].job.environment.values()
    assert secrets.clickhouse_writer not in json.dumps(dict(part.job.environment))


def test_a_new_superset_or_password_prepares_its_database_again(
    secrets: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(superset, "version", lambda: "6.1.0")
    stamp = superset.stamp(secrets)
    assert superset.stamp(secrets) == stamp
    assert superset.stamp(dataclasses.replace(secrets, superset_password="x")) != stamp
    monkeypatch.setattr(superset, "version", lambda: "6.1.1")
    assert superset.stamp(secrets) != stamp


def test_superset_runs_where_it_is_set_up_unless_the_settings_say_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(superset, "environment_folder", lambda: tmp_path)
    assert not superset.wanted(Settings(home=tmp_path))
    with pytest.raises(FixSettings, match="make setup-superset"):
        superset.version()
    (tmp_path / ".done").touch()
    assert superset.wanted(Settings(home=tmp_path))
    assert not superset.wanted(Settings(home=tmp_path, superset=False))


def test_visitors_are_part_of_the_stack_only_where_they_are_asked_for(layout: Layout, secrets: Credentials) -> None:
    assert "visitors" not in {part.name for part in platform(layout, PORTS, secrets).parts}
    (part,) = [each for each in platform(layout, PORTS, secrets, visitors=True).parts if each.name == "visitors"]
    assert part.job.command[3:5] == ("simulate", "--wait")


def test_airflow_knows_every_option_that_is_set(layout: Layout, secrets: Credentials) -> None:
    spec = find_spec("airflow")
    assert spec is not None
    assert spec.origin is not None
    described = yaml.safe_load((Path(spec.origin).parent / "config_templates" / "config.yml").read_text())
    known = {(section, option) for section, found in described.items() for option in found["options"]}
    parser = configparser.ConfigParser()
    parser.read(asset(airflow.CONFIG))
    for section in parser.sections():
        for option in parser.options(section):
            assert (section, option) in known, f"[{section}] {option} is unknown to Airflow"
    for name in airflow.environment(layout, PORTS, secrets):
        if name.startswith("AIRFLOW__"):
            section, option = name.removeprefix("AIRFLOW__").lower().split("__", 1)
            assert (section, option) in known, name


def test_airflow_stays_on_this_machine(layout: Layout, secrets: Credentials) -> None:
    variables = airflow.environment(layout, PORTS, secrets)
    assert variables["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18080/execution/"
    assert variables["AIRFLOW__API__HOST"] == "127.0.0.1"
    plan = platform(layout, PORTS, secrets)
    commands = {part.name: part.job.command for part in plan.parts}
    for name in ("airflow-scheduler", "airflow-triggerer"):
        # Without it a log server listens on all addresses, and two stacks collide.
        assert "--skip-serve-logs" in commands[name]
    assert Path(variables["AIRFLOW__CORE__PLUGINS_FOLDER"]) == project_root() / "plugins"


def test_needs_name_parts_or_steps(layout: Layout, secrets: Credentials) -> None:
    plan = platform(layout, PORTS, secrets, consumer=True, windows=True)
    names = {part.name for part in plan.parts} | {step.name for step in plan.steps}
    assert {need for part in plan.parts for need in part.needs} == {DATABASE_STEP, "kafka", "clickhouse"}
    assert {need for step in plan.steps for need in step.needs} <= names


def test_programs_do_not_inherit_other_airflows_or_addresses(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW__CORE__EXECUTOR", "PYTHONPATH", "HEADWATER_CLICKHOUSE_URL", "JAVA_TOOL_OPTIONS"):
        monkeypatch.setenv(name, "foreign")
    monkeypatch.setenv("HEADWATER_SOMETHING_ELSE", "mine")
    found = base_environment(layout)
    assert "foreign" not in found.values()
    assert found["HEADWATER_SOMETHING_ELSE"] == "mine"
    assert found["HEADWATER_HOME"] == str(layout.home)
