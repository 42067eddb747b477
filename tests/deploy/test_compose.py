"""docker-compose.yml against the compose specification, and for every path, variable, port and secret it names.

No container engine is needed; what only an engine could show is said in docs/compose.md.
"""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.deploy.composition import (
    COMPOSE,
    ENV_EXAMPLE,
    ROOT,
    composition,
    make_secrets,
    one_shot,
    raw,
    secret_target,
    services,
    variables,
)

PINNED = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+(\.\d+)*(-[a-z0-9.]+)?")


@pytest.fixture(scope="module")
def schema() -> Any:
    """The specification's JSON Schema, as the package check-jsonschema ships it; the package itself is not imported."""
    spec = importlib.util.find_spec("check_jsonschema")
    assert spec is not None, "check-jsonschema is missing: run `make setup-dev`."
    assert spec.origin is not None
    path = Path(spec.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _problems(schema: Any, value: Any) -> list[str]:
    validator = jsonschema.validators.validator_for(schema)(schema)
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(value)]


@pytest.mark.parametrize("environment", [{}, {"HEADWATER_SAMPLES_DIR": "/my/events", "HEADWATER_S3_PORT": "19000"}])
def test_the_file_keeps_the_compose_specification(schema: Any, environment: dict[str, str]) -> None:
    assert _problems(schema, composition(environment)) == []
    assert _problems(schema, raw()) == []


def test_the_specification_is_strict_enough_to_find_a_misspelt_key(schema: Any) -> None:
    broken = composition()
    broken["services"]["kafka"]["healtcheck"] = broken["services"]["kafka"].pop("healthcheck")
    assert any("healtcheck" in problem for problem in _problems(schema, broken))


def test_every_image_is_pinned_and_ours_has_the_version_of_the_project() -> None:
    for name, service in services().items():
        assert PINNED.fullmatch(service["image"]), f"{name}: {service['image']} is not a full version"
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    built = {service["image"] for service in services().values() if "build" in service}
    assert built == {f"headwater-airflow:{version}", f"headwater-superset:{version}"}


def test_the_platform_is_whole() -> None:
    images = {service["image"].partition(":")[0] for service in services().values()}
    assert images == {
        "postgres", "apache/kafka", "clickhouse/clickhouse-server", "chrislusf/seaweedfs", "headwater-airflow",
        "headwater-superset",
    }  # fmt: skip
    versions = {name: service["image"].partition(":")[2] for name, service in services().items()}
    assert versions["postgres"].startswith("16.")
    assert versions["clickhouse"].startswith("26.9."), "The engine of the local stack is 26.9."
    assert versions["kafka"] in (ROOT / "kafka" / "jgo.toml").read_text(), "The local broker has another version."


def test_every_service_shows_its_health_and_comes_back_or_is_a_job() -> None:
    for name, service in services().items():
        if one_shot(service):
            assert "healthcheck" not in service, name
            continue
        assert service["restart"] == "unless-stopped", name
        check = service["healthcheck"]
        assert check["test"][0] == "CMD", f"{name}: a check without a shell"
        assert {"interval", "timeout", "retries", "start_period"} <= check.keys(), name
        assert service["deploy"]["resources"]["limits"]["memory"], name
        assert service["logging"]["options"]["max-size"], name


def test_dependencies_name_services_in_a_state_that_they_reach() -> None:
    found = services()
    graph = {}
    for name, service in found.items():
        needs = service.get("depends_on", {})
        graph[name] = set(needs)
        for need, how in needs.items():
            expected = "service_completed_successfully" if one_shot(found[need]) else "service_healthy"
            assert how == {"condition": expected}, f"{name} needs {need}"
    order = list(TopologicalSorter(graph).static_order())
    assert order.index("airflow-init") < order.index("airflow-api") < order.index("airflow-scheduler")
    jobs = {name for name, service in found.items() if one_shot(service)}
    assert jobs == {"airflow-init", "superset-init"}


@pytest.mark.parametrize("environment", [{}, {f"HEADWATER_{name}_PORT": "1234" for name in ("KAFKA", "S3")}])
def test_ports_are_published_on_loopback_only_and_once(environment: dict[str, str]) -> None:
    published = {}
    for name, service in services(environment).items():
        for entry in service.get("ports", []):
            address, host, inside = entry.split(":")
            assert address == "127.0.0.1", f"{name} publishes {entry}"
            assert inside.isdecimal()
            published[name] = host
        assert "network_mode" not in service, name
        assert service["networks"] == ["platform"], name
    assert published.keys() == {"airflow-api", "clickhouse", "collector", "kafka", "s3", "superset"}
    if not environment:
        usual = make_secrets().PORTS
        assert sorted(published.values()) == sorted(map(str, usual.values()))
        assert len(set(published.values())) == len(published)


def test_the_usual_ports_are_those_of_the_local_stack() -> None:
    from headwater.local.layout import Ports
    from headwater.settings import Settings

    local = Ports.of(Settings(home=Path("x"), port_offset=0))
    for name, port in make_secrets().PORTS.items():
        assert port == getattr(local, name.removeprefix("HEADWATER_").removesuffix("_PORT").lower()), name


def test_mounted_paths_exist_and_volumes_are_declared() -> None:
    declared, used, targets = set(composition()["volumes"]), set(), set()
    for name, service in services().items():
        for entry in service.get("volumes", []):
            source, target, *mode = entry.split(":")
            assert target.startswith("/"), f"{name}: {entry}"
            assert (name, target) not in targets, f"{name} mounts {target} twice"
            targets.add((name, target))
            if source.startswith("./"):
                assert (ROOT / source).exists(), f"{name} mounts {source}, which is missing"
                assert mode == ["ro"], f"{name} could write into the checkout by {entry}"
            else:
                used.add(source)
    assert used == declared


def test_variables_have_a_default_and_stand_in_the_example() -> None:
    example = dict(re.findall(r"^(\w+)=(.*)$", ENV_EXAMPLE.read_text(), re.MULTILINE))
    named = variables()
    assert {variable.name for variable in named} == example.keys()
    for variable in named:
        assert variable.operator in {":-", ":+"}, f"{variable.name} has no default"
        if variable.operator == ":-" and variable.name != "HEADWATER_SAMPLES_DIR":
            assert variable.value == example[variable.name], f"{variable.name}: .env.example says another default"
    assert example["HEADWATER_SAMPLES_DIR"] == ""


def test_every_variable_of_the_example_is_explained() -> None:
    blocks = ENV_EXAMPLE.read_text().split("\n\n")
    for block in blocks[1:]:
        assert block.startswith("# "), f"No comment before {block.splitlines()[0]}"


def test_secrets_are_made_by_the_set_up_step_and_used() -> None:
    tool = make_secrets()
    made = set(tool.mounted_files(dict.fromkeys(tool.NAMES, "x")))
    declared = composition()["secrets"]
    # Those of the overlay deploy/monitoring.yml are made with the others.
    made -= {"grafana_password", "clickhouse_reader_password"}
    assert {name: entry["file"] for name, entry in declared.items()} == {name: f"./secrets/{name}" for name in made}
    used = {secret_target(entry)[0] for service in services().values() for entry in service.get("secrets", [])}
    assert used == made
    for service in services().values():
        targets = [secret_target(entry)[1] for entry in service.get("secrets", [])]
        assert len(set(targets)) == len(targets)


def test_commands_read_only_secrets_that_their_service_has() -> None:
    for name, service in services().items():
        has = {secret_target(entry)[1] for entry in service.get("secrets", [])}
        text = json.dumps([service.get("environment", {}), service.get("command", [])])
        named = set(re.findall(r"/run/secrets/[\w.]+", text))
        assert named <= has, f"{name} reads {named - has}"


def test_the_file_holds_no_password_and_git_ignores_the_secrets() -> None:
    text = COMPOSE.read_text()
    assert not re.search(r"(?i)(password|secret|_key)\s*:\s*[\"']?[\w-]{6,}[\"']?\s*$", text, re.MULTILINE)
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEY|SQL_ALCHEMY_CONN", name):
                assert name.endswith(("_FILE", "_CMD")) or "SECRETS__BACKEND" in name, name
                assert "/run/secrets" in value or "SECRETS__BACKEND" in name, name
    assert {"/secrets/", ".env"} <= set((ROOT / ".gitignore").read_text().split())


def test_one_s_own_events_are_mounted_for_the_tasks_only_when_they_are_named() -> None:
    scheduler = services()["airflow-scheduler"]
    assert scheduler["environment"]["HEADWATER_SAMPLES_DIR"] == ""
    own = services({"HEADWATER_SAMPLES_DIR": "/my/events"})["airflow-scheduler"]
    inside = own["environment"]["HEADWATER_SAMPLES_DIR"]
    assert f"/my/events:{inside}:ro" in own["volumes"]
    assert inside != "/opt/headwater/data/samples", "Files in the bundled folder are moved to the present."
