"""Guards on the layout that the parts of the platform rely on."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_airflow_does_not_run_the_package_as_plugin_files() -> None:
    ignored = (ROOT / "plugins" / ".airflowignore").read_text().split()
    assert "headwater" in ignored, "Airflow runs every plugins/**/*.py under its bare name unless it is ignored."


def test_no_top_folder_shadows_an_installed_package() -> None:
    shadows = [
        name for name in ("airflow", "kafka", "clickhouse", "superset") if (ROOT / name / "__init__.py").exists()
    ]
    assert not shadows, f"Remove __init__.py of {shadows}: such a folder hides the real package from imports."


def test_requirements_are_hashed_and_name_no_host() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text()
        assert "://" not in text, f"{path.name} names a host"
        unhashed = [m[0] for m in re.finditer(r"^[a-z0-9][^\n]*==[^\n]*(?<!\\)$", text, re.MULTILINE)]
        assert not unhashed, f"{path.name} pins without hashes: {unhashed[:3]}"
