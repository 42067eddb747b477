"""The services that run on in the compose stack are those of the local stack, and start without its servers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.local.credentials import Credentials
from headwater.local.layout import Layout, Ports
from headwater.local.parts import platform
from headwater.settings import STACK_ENV_FILE, Settings
from tests.deploy.composition import make_secrets, secret_target, services
from tests.deploy.test_image import LOCAL_SERVERS

SERVICES = ("consumer", "windows")
PACKAGES = sorted(name.replace("-", "_") for name in LOCAL_SERVERS)


@pytest.mark.parametrize("name", SERVICES)
def test_the_service_runs_the_command_of_the_local_part(name: str, tmp_path: Path) -> None:
    layout = Layout.of(Settings(home=tmp_path / "home", port_offset=0))
    layout.make()
    plan = platform(layout, Ports.of(Settings(home=layout.home)), Credentials.of(layout), consumer=True, windows=True)
    (part,) = [each for each in plan.parts if each.name == name]
    service = services()[name]
    assert service["command"][:3] == ["python", "-m", "headwater.entrypoints.services"]
    assert tuple(service["command"][3:]) == part.job.command[3:]
    (port,) = part.ports.values()
    assert service["healthcheck"]["test"][-1] == f"http://127.0.0.1:{port}/metrics"
    assert set(service["depends_on"]) == set(part.needs)


@pytest.mark.parametrize("name", SERVICES)
def test_it_is_there_only_where_it_is_asked_for_and_works_as_the_writer(name: str) -> None:
    service = services()[name]
    assert service["profiles"] == ["streaming"]
    home = service["environment"]["HEADWATER_HOME"]
    assert [secret_target(each) for each in service["secrets"]] == [("streaming.env", f"{home}/{STACK_ENV_FILE}")]
    text = make_secrets().mounted_files(dict.fromkeys(make_secrets().NAMES, "x"))["streaming.env"]
    assert text == "HEADWATER_CLICKHOUSE_WRITER_URL=http://writer:x@clickhouse:8123/\n"


@pytest.mark.parametrize("name", SERVICES)
def test_it_starts_without_the_servers_of_the_local_stack(name: str) -> None:
    """The image has none of them."""
    code = f"""
import json, runpy, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {PACKAGES}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
sys.argv = ["services", *json.loads(sys.argv[1]), "--help"]
runpy.run_module("headwater.entrypoints.services", run_name="__main__")
"""
    words = json.dumps(services()[name]["command"][3:4])
    done = subprocess.run([sys.executable, "-c", code, words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--metrics-port" in done.stdout
