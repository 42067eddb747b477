"""The set-up step of the compose stack: random values once, files that only their readers can reach."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from headwater.local.layout import Layout
from headwater.settings import STACK_ENV_FILE, load_settings
from tests.deploy.composition import ROOT, make_secrets

tool = make_secrets()


def _made(folder: Path) -> dict[str, str]:
    return {str(name): str(value) for name, value in json.loads((folder / tool.VALUES).read_text()).items()}


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-I", str(ROOT / "deploy" / "make_secrets.py"), "--out", str(folder)]
    words += ["--env-file", str(folder / "none")]
    return subprocess.run(words, capture_output=True, text=True, check=False, env={})


def test_values_are_random_and_never_printed(tmp_path: Path) -> None:
    runs = {name: _run(tmp_path / name) for name in ("a", "b")}
    first, second = (_made(tmp_path / name) for name in runs)
    assert first.keys() == set(tool.NAMES)
    assert len(set(first.values()) | set(second.values())) == 2 * len(tool.NAMES)
    for run in runs.values():
        assert run.returncode == 0, run.stderr
        assert not [name for name, value in first.items() if value in run.stdout + run.stderr]
    assert len(min(first.values(), key=len)) >= 20
    assert len(first["airflow_jwt_key"].encode()) >= 64, "Shorter keys are below what SHA-512 signatures ask for."
    Fernet(first["airflow_fernet_key"])


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    _run(folder)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    run = _run(folder)
    assert "all secrets were there" in run.stdout
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before


def test_other_users_reach_no_file_and_programs_in_containers_reach_theirs(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o755)
    _run(folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700, "The folder is what keeps other users out."
    mounted = set(tool.mounted_files(_made(folder)))
    assert modes == {name: 0o444 if name in mounted else 0o600 for name in mounted | {tool.VALUES, tool.STACK_ENV}}


def test_a_value_that_a_newer_version_needs_is_added_and_the_others_stay(tmp_path: Path) -> None:
    tool.make_secrets(tmp_path / "s", tool.PORTS)
    kept = _made(tmp_path / "s")
    without = {name: value for name, value in kept.items() if name != "s3_secret_key"}
    (tmp_path / "s" / tool.VALUES).write_text(json.dumps(without))
    assert tool.make_secrets(tmp_path / "s", tool.PORTS) == ["s3_secret_key"]
    now = _made(tmp_path / "s")
    assert {name for name in kept if kept[name] != now[name]} == {"s3_secret_key"}
    assert now["s3_secret_key"] in (tmp_path / "s" / "s3_identities.json").read_text()


@pytest.mark.parametrize("damage", ["{", "[]", '"text"'])
def test_damaged_values_are_told_and_left_alone(tmp_path: Path, damage: str) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / tool.VALUES).write_text(damage)
    run = _run(tmp_path / "s")
    assert run.returncode == 2
    assert "not readable as secrets" in run.stderr
    assert [path.name for path in (tmp_path / "s").iterdir()] == [tool.VALUES]
    assert (tmp_path / "s" / tool.VALUES).read_text() == damage


def test_the_command_line_finds_the_stack_by_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("# HEADWATER_S3_PORT=1\nHEADWATER_CLICKHOUSE_PORT=18123\nHEADWATER_AIRFLOW_PORT=1 # old\n")
    folder = tmp_path / "secrets"
    tool.make_secrets(folder, tool.published_ports(env_file, {"HEADWATER_AIRFLOW_PORT": "18080"}))
    for name in ("CLICKHOUSE_URL", "CLICKHOUSE_PORT", "AIRFLOW_PORT", "HOME"):
        monkeypatch.delenv(f"HEADWATER_{name}", raising=False)
    assert tool.STACK_ENV == STACK_ENV_FILE
    settings, values = load_settings(folder), _made(folder)
    urls = (settings.clickhouse_url, settings.clickhouse_writer_url, settings.clickhouse_reader_url)
    for user, url in zip(("owner", "writer", "reader"), urls, strict=True):
        assert url is not None
        assert url.get_secret_value() == f"http://{user}:{values[f'clickhouse_{user}']}@127.0.0.1:18123/"
    assert (settings.airflow_url, settings.airflow_user) == ("http://127.0.0.1:18080", "admin")
    assert settings.airflow_password is not None
    assert settings.airflow_password.get_secret_value() == values["airflow_password"]
    assert (settings.kafka_bootstrap, settings.s3_endpoint) == ("127.0.0.1:9092", "http://127.0.0.1:9000")


def test_the_folder_says_what_a_local_stack_says(tmp_path: Path) -> None:
    from headwater.local.credentials import Credentials
    from headwater.local.layout import Ports

    layout = Layout.of(load_settings(tmp_path / "home"))
    layout.make()
    local = Credentials.of(layout).addresses(Ports(8080, 8123, 9092, 9093, 9000), superset=True)
    values = dict.fromkeys(tool.NAMES, "x")
    ours = dict(line.split("=", 1) for line in tool.stack_env(values, tool.PORTS).splitlines())
    assert ours.keys() == local.keys()
    same = [name for name in local if "URL" not in name and "PASSWORD" not in name and "_KEY" not in name]
    assert {name: ours[name] for name in same} == {name: local[name] for name in same}


def test_clickhouse_gets_digests_and_no_password() -> None:
    values = {name: f"value of {name}" for name in tool.NAMES}
    text = tool.clickhouse_passwords(values)
    for user in ("owner", "writer", "reader"):
        secret = values[f"clickhouse_{user}"]
        assert secret not in text
        assert f"<{user}><password_sha256_hex>{hashlib.sha256(secret.encode()).hexdigest()}</" in text
