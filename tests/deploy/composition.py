"""docker-compose.yml as the tests read it: merged, with variables filled in, and the Dockerfile beside it."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "airflow" / "Dockerfile"
ENV_EXAMPLE = ROOT / ".env.example"
PROJECT = "/opt/headwater"
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:[-+])([^}]*))?\}")


@dataclass(frozen=True)
class Variable:
    """One `${NAME}` of the compose file; `operator` is `:-` (default), `:+` (replacement) or empty."""

    name: str
    operator: str
    value: str


def variables() -> list[Variable]:
    """Every variable of the file, once for each place; comments do not count."""
    text = re.sub(r"^\s*#.*$", "", COMPOSE.read_text(), flags=re.MULTILINE)
    assert len(re.findall(r"(?<!\$)\$", text)) == len(_VARIABLE.findall(text)), "A variable is written in another form."
    return [Variable(*match) for match in _VARIABLE.findall(text)]


def raw() -> dict[str, Any]:
    """The file with its YAML anchors merged and its variables as they are written."""
    loaded = yaml.safe_load(COMPOSE.read_text())
    assert isinstance(loaded, dict)
    return loaded


def composition(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The file as compose reads it with `environment` (by default with nothing set)."""
    filled = _filled(raw(), environment or {})
    assert isinstance(filled, dict)
    return filled


def services(environment: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Services by name."""
    return dict(composition(environment)["services"])


def airflow_services() -> dict[str, dict[str, Any]]:
    """Services that run Airflow; some of ours have the same image and are none of them."""
    found = {name: each for name, each in services().items() if _dockerfile(each) == "airflow/Dockerfile"}
    others = {"collector", "consumer", "windows"}
    assert others < found.keys()
    return {name: each for name, each in found.items() if name not in others}


def _dockerfile(service: Mapping[str, Any]) -> str:
    return str(service.get("build", {}).get("dockerfile", ""))


def one_shot(service: Mapping[str, Any]) -> bool:
    """Whether the service is a job that ends."""
    return bool(service["restart"] == "no")


def secret_target(entry: str | Mapping[str, str]) -> tuple[str, str]:
    """Name of a service's secret and the path that it gets in the container."""
    if isinstance(entry, str):
        return entry, f"/run/secrets/{entry}"
    target = entry.get("target", entry["source"])
    return entry["source"], target if target.startswith("/") else f"/run/secrets/{target}"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continuation lines joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word]


def copies() -> Iterator[tuple[Path, str]]:
    """What the image copies: source in the checkout, and absolute target."""
    for word, rest in instructions():
        if word == "COPY":
            source, target = (part for part in rest.split() if not part.startswith("--"))
            yield ROOT / source, target


def image_environment() -> dict[str, str]:
    """Variables that the image sets."""
    return dict(pair.split("=", 1) for word, rest in instructions() if word == "ENV" for pair in rest.split())


@cache
def script(path: Path) -> ModuleType:
    """A program that is no part of the package, as a module."""
    spec = importlib.util.spec_from_file_location(f"tested_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def make_secrets() -> ModuleType:
    """deploy/make_secrets.py."""
    return script(ROOT / "deploy" / "make_secrets.py")


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(child, environment) for key, child in value.items()}
    if isinstance(value, list):
        return [_filled(child, environment) for child in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _value(match, environment), value)
    return value


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    name, operator, other = match.groups()
    given = environment.get(name, "")
    if operator == ":+":
        return str(other) if given else ""
    return given or str(other or "")
