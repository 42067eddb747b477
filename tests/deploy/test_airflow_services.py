"""Airflow in the compose stack decides what the local stack decides, and differs only where a container must."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from headwater.assets import asset
from headwater.local import airflow
from headwater.local.credentials import Credentials
from headwater.local.layout import Layout, Ports
from headwater.local.parts import platform
from headwater.settings import STACK_ENV_FILE, Settings
from tests.deploy.composition import (
    PROJECT,
    airflow_services,
    copies,
    image_environment,
    make_secrets,
    secret_target,
    services,
)

PORTS = Ports(8080, 8123, 9092, 9093, 9000)
# Variables of the local stack that a container does not need, each with the reason.
NOT_IN_CONTAINERS = {
    "AIRFLOW_HOME": "the image's own",
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "containers have names that resolve",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": "the login is FAB's, with users in the database",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": "Airflow derives it where the database is found by TCP",
    "AIRFLOW__API__HOST": "it listens inside its container",
    "AIRFLOW__API__PORT": "the usual one",
    "SPT_NOENV": "for the sweep of processes",
}


@pytest.fixture
def local(tmp_path: Path) -> dict[str, str]:
    """Variables of Airflow in the local stack."""
    layout = Layout.of(Settings(home=tmp_path / "home", port_offset=0))
    layout.make()
    return airflow.environment(layout, PORTS, Credentials.of(layout))


@pytest.fixture(scope="module")
def options() -> dict[tuple[str, str], dict[str, Any]]:
    """Airflow's own description of its options."""
    spec = find_spec("airflow")
    assert spec is not None
    assert spec.origin is not None
    text = (Path(spec.origin).parent / "config_templates" / "config.yml").read_text()
    return {
        (section, option): described
        for section, found in yaml.safe_load(text).items()
        for option, described in found["options"].items()
    }


def _variables(name: str = "airflow-scheduler") -> dict[str, str]:
    return {**image_environment(), **services()[name]["environment"]}


def test_all_services_have_the_same_environment() -> None:
    found = [service["environment"] for service in airflow_services().values()]
    assert len(found) == 5
    assert all(each == found[0] for each in found)


def test_every_option_is_known_and_only_secret_ones_come_from_commands(
    options: dict[tuple[str, str], dict[str, Any]],
) -> None:
    for name in _variables():
        if not name.startswith("AIRFLOW__"):
            continue
        section, _, option = name.removeprefix("AIRFLOW__").lower().partition("__")
        plain = option.removesuffix("_cmd")
        assert (section, plain) in options, name
        assert options[section, plain].get("sensitive", False) == (plain != option or plain == "backend_kwargs"), (
            f"{name}: Airflow reads commands for sensitive options only, and sensitive ones belong in files"
        )


def test_whatever_the_local_stack_decides_is_decided_here(local: dict[str, str]) -> None:
    ours = {name.removesuffix("_CMD") for name in _variables()}
    undecided = {name for name in local if not name.startswith("AIRFLOW_CONN_")} - ours - NOT_IN_CONTAINERS.keys()
    assert not undecided
    for name in ("SCARF_ANALYTICS", "DO_NOT_TRACK", "MALLOC_ARENA_MAX", "AIRFLOW__API__BASE_URL"):
        assert _variables()[name] == local[name]
    assert local["AIRFLOW__API_AUTH__JWT_ISSUER"] == _variables()["AIRFLOW__API_AUTH__JWT_ISSUER"]


def test_the_configuration_file_is_the_local_one_and_only_the_login_overrides_it() -> None:
    config = _variables()["AIRFLOW_CONFIG"]
    assert {target: source for source, target in copies()}[config] == asset(airflow.CONFIG)
    parser = configparser.ConfigParser()
    parser.read(asset(airflow.CONFIG))
    written = {
        f"AIRFLOW__{section}__{option}".upper() for section in parser.sections() for option in parser.options(section)
    }
    assert {"AIRFLOW__CORE__EXECUTOR", "AIRFLOW__CORE__PARALLELISM"} <= written
    assert {name for name in _variables() if name.removesuffix("_CMD") in written} == {"AIRFLOW__CORE__AUTH_MANAGER"}
    assert parser["core"]["executor"] == "LocalExecutor"


def test_the_programs_are_those_of_the_local_stack(tmp_path: Path) -> None:
    layout = Layout.of(Settings(home=tmp_path / "home", port_offset=0))
    layout.make()
    parts = {part.name: part for part in platform(layout, PORTS, Credentials.of(layout)).parts}
    programs = {name: found for name, found in airflow_services().items() if name != "airflow-init"}
    assert programs.keys() == {name for name in parts if name.startswith("airflow")}
    for name, service in programs.items():
        words = parts[name].job.command[3:]
        if name == "airflow-api":
            words = words[:1]
        assert tuple(service["command"]) == words, name


def test_health_is_asked_as_in_the_local_stack() -> None:
    asked = {
        name: service["healthcheck"]["test"][-1]
        for name, service in airflow_services().items()
        if name != "airflow-init"
    }
    assert asked == {"airflow-api": "metadatabase", **airflow.HEARTBEATS}


def test_the_programs_of_the_image_that_services_run_are_in_the_image() -> None:
    for name, service in airflow_services().items():
        words = [*service["command"], *service.get("healthcheck", {}).get("test", [])]
        for path in (word for word in words if word.startswith("/")):
            homes = [
                source / Path(path).relative_to(target) for source, target in copies() if path.startswith(f"{target}/")
            ]
            assert [home.is_file() for home in homes] == [True], f"{name} runs {path}"


def test_the_connections_are_the_local_ones_with_the_services_addresses(local: dict[str, str]) -> None:
    ours = make_secrets().connections({name: f"<{name}>" for name in make_secrets().NAMES})
    theirs = {
        name.removeprefix("AIRFLOW_CONN_").lower(): json.loads(value)
        for name, value in local.items()
        if name.startswith("AIRFLOW_CONN_")
    }
    places = re.compile(r"127\.0\.0\.1:\d+|kafka:19092|s3:8333")

    def comparable(connection: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in connection.items() if key not in {"host", "port", "login", "password"}}
        kept["extra"] = {key: places.sub("<address>", value) for key, value in connection.get("extra", {}).items()}
        return kept

    assert {name: comparable(found) for name, found in ours.items()} == {
        name: comparable(found) for name, found in theirs.items()
    }
    clickhouse, local_clickhouse = ours["clickhouse_default"], theirs["clickhouse_default"]
    assert clickhouse["login"] == local_clickhouse["login"]
    assert clickhouse["password"] == f"<clickhouse_{clickhouse['login']}>"


def test_connections_name_services_and_the_ports_on_which_they_listen() -> None:
    connections = make_secrets().connections(dict.fromkeys(make_secrets().NAMES, "x"))
    found = services()
    inside = {name: {entry.split(":")[-1] for entry in found[name]["ports"]} for name in ("clickhouse", "s3")}
    clickhouse = connections["clickhouse_default"]
    assert str(clickhouse["port"]) in inside[clickhouse["host"]]
    host, port = connections["s3_default"]["extra"]["endpoint_url"].removeprefix("http://").split(":")
    assert port in inside[host]
    bootstrap = connections["kafka_default"]["extra"]["bootstrap.servers"]
    assert f"BROKER://{bootstrap}" in found["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    execution = found["airflow-scheduler"]["environment"]["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    assert execution.removeprefix("http://").split(":")[0] in found


def test_airflow_reads_the_connections_and_the_secrets_as_the_services_do(tmp_path: Path) -> None:
    tool = make_secrets()
    folder = tmp_path / "secrets"
    tool.make_secrets(folder, tool.PORTS)
    variables = {name: value.replace("/run/secrets", str(folder)) for name, value in _variables().items()}
    for name in ("AIRFLOW_CONFIG", "AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__PLUGINS_FOLDER", "PYTHONPATH"):
        del variables[name]
    # The login's provider is in the image only.
    del variables["AIRFLOW__CORE__AUTH_MANAGER"]
    code = """
import json
from airflow.configuration import conf, initialize_secrets_backends
found = initialize_secrets_backends()[0].get_connection("clickhouse_default")
print("##" + json.dumps({
    "backend": [found.host, found.port, found.login, found.password],
    "database": conf.get("database", "sql_alchemy_conn"), "fernet": conf.get("core", "fernet_key"),
    "api": conf.get("api", "secret_key"), "jwt": conf.get("api_auth", "jwt_secret")}))
"""
    logs = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(tmp_path / "logs")}
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **variables, **logs},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout.partition("##")[2])
    values = json.loads((folder / tool.VALUES).read_text())
    assert found == {
        "backend": ["clickhouse", 8123, "writer", values["clickhouse_writer"]],
        "database": f"postgresql+psycopg2://airflow:{values['postgres_password']}@postgres:5432/airflow",
        "fernet": values["airflow_fernet_key"],
        "api": values["airflow_api_key"],
        "jwt": values["airflow_jwt_key"],
    }


def test_only_the_container_of_the_tasks_knows_the_schema_s_owner() -> None:
    holders = {
        name: target
        for name, service in services().items()
        for source, target in map(secret_target, service.get("secrets", []))
        if source == "airflow_owner.env"
    }
    home = _variables()["HEADWATER_HOME"]
    assert holders == {"airflow-scheduler": f"{home}/{STACK_ENV_FILE}"}
    text = make_secrets().mounted_files(dict.fromkeys(make_secrets().NAMES, "x"))["airflow_owner.env"]
    assert text == "HEADWATER_CLICKHOUSE_URL=http://owner:x@clickhouse:8123/\n"


def test_task_logs_are_where_the_api_server_finds_them() -> None:
    for name, service in airflow_services().items():
        assert "airflow-logs:/opt/airflow/logs" in service["volumes"], name
    assert _variables()["AIRFLOW__LOGGING__BASE_LOG_FOLDER"].startswith("/opt/airflow/logs/")
    assert _variables()["AIRFLOW__CORE__DAGS_FOLDER"] == f"{PROJECT}/airflow/dags"
