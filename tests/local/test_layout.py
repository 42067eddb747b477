"""State is private, stays in its home, and leaves the modes of everything else alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from headwater.errors import FixSettings
from headwater.local.credentials import Credentials, airflow_file, clickhouse_file, write_stack_env
from headwater.local.layout import Layout, Ports
from headwater.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home under a folder that only its owner may enter."""
    for name in ("HEADWATER_PORT_OFFSET", "HEADWATER_DAGS_DIR", "HEADWATER_SAMPLES_DIR", "HEADWATER_CACHE"):
        monkeypatch.delenv(name, raising=False)
    outer = tmp_path / "outer"
    outer.mkdir(mode=0o700)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return Settings(home=outer / "home", port_offset=100)


def mode(path: Path) -> int:
    """Permission bits."""
    return stat.S_IMODE(path.lstat().st_mode)


def test_everything_secret_is_private(settings: Settings) -> None:
    layout = Layout.of(settings)
    layout.make()
    layout.make_runtime()
    secrets = Credentials.of(layout)
    write_stack_env(layout, secrets.addresses(Ports.of(settings)), settings)
    for folder in (layout.home, layout.secrets, layout.run, layout.logs, layout.runtime):
        assert mode(folder) == 0o700, folder
    for path in (*layout.secrets.iterdir(), layout.stack_env, clickhouse_file(layout), airflow_file(layout)):
        assert mode(path) == 0o600, path


def test_modes_of_folders_that_were_there_stay(settings: Settings, tmp_path: Path) -> None:
    home = settings.home
    home.mkdir(mode=0o755)
    home.chmod(0o751)
    above = {path: mode(path) for path in (home, *home.parents) if path.exists()}
    Layout.of(settings).make()
    assert {path: mode(path) for path in above} == above
    assert mode(tmp_path / "outer") == 0o700


def test_credentials_are_made_once_and_differ_between_homes(settings: Settings) -> None:
    layout = Layout.of(settings)
    layout.make()
    first = Credentials.of(layout)
    other = Layout.of(settings.model_copy(update={"home": settings.home.with_name("other")}))
    other.make()
    assert Credentials.of(layout) == first
    assert Credentials.of(other).clickhouse_owner != first.clickhouse_owner
    assert first.clickhouse_owner not in repr(first)


def test_damaged_credentials_are_named(settings: Settings) -> None:
    layout = Layout.of(settings)
    layout.make()
    (layout.secrets / "credentials.json").write_text("{")
    with pytest.raises(FixSettings, match=r"credentials\.json is not readable"):
        Credentials.of(layout)


def test_settings_read_what_the_stack_wrote(settings: Settings, tmp_path: Path) -> None:
    kept = settings.model_copy(update={"samples_dir": tmp_path / "my events", "kafka_port": 7777})
    layout = Layout.of(kept)
    layout.make()
    secrets = Credentials.of(layout)
    write_stack_env(layout, secrets.addresses(Ports.of(kept)), kept)
    found = load_settings(kept.home)
    assert found.port_offset == 100
    assert found.samples_dir == tmp_path / "my events"
    assert Ports.of(found) == Ports.of(kept)
    assert found.kafka_bootstrap == "127.0.0.1:7777"
    assert found.clickhouse_url is not None
    assert found.clickhouse_url.get_secret_value() == f"http://owner:{secrets.clickhouse_owner}@127.0.0.1:8223/"


@pytest.mark.parametrize("part", ["consumer", "windows", "visitors"])
def test_whether_a_stack_has_a_part_is_kept_until_it_is_said_otherwise(settings: Settings, part: str) -> None:
    layout = Layout.of(settings)
    layout.make()
    secrets = Credentials.of(layout)
    for wanted in (True, False):
        chosen = settings.model_copy(update={part: wanted})
        write_stack_env(layout, secrets.addresses(Ports.of(chosen)), chosen)
        assert getattr(load_settings(settings.home), part) is wanted


def test_a_socket_folder_that_others_can_enter_is_refused(settings: Settings) -> None:
    layout = Layout.of(settings)
    layout.runtime.mkdir()
    layout.runtime.chmod(0o755)
    with pytest.raises(FixSettings, match="nobody else can enter"):
        layout.make_runtime()


def test_a_socket_folder_that_is_a_link_is_refused(settings: Settings, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    layout = Layout.of(settings)
    layout.runtime.symlink_to(target)
    with pytest.raises(FixSettings, match="nobody else can enter"):
        layout.make_runtime()


def test_socket_paths_stay_short_however_long_the_home_is(tmp_path: Path) -> None:
    layout = Layout.of(Settings(home=tmp_path / ("x" * 150)))
    assert len(str(layout.runtime / ".s.PGSQL.5432")) < 100
