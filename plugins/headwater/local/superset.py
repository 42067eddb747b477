"""Superset as a part of the stack: its environment, variables and commands. Superset itself is never imported here."""

from __future__ import annotations

import hashlib
from importlib.metadata import distributions
from pathlib import Path

import httpx

from headwater.assets import asset, project_root
from headwater.errors import FixSettings
from headwater.local import postgres
from headwater.local.credentials import Credentials
from headwater.local.layout import Layout, Ports
from headwater.settings import Settings

PART = "superset"
DATABASE_STEP = "superset-db"
DASHBOARDS_STEP = "dashboards"
DATABASE = "superset"
CONFIG = "superset/superset_config.py"
PREPARE = "superset/prepare.py"
# One process with threads: they wait for ClickHouse most of the time, and a process costs 300 MB.
_THREADS = 8


def environment_folder() -> Path:
    """Superset's own virtual environment, which `make setup-superset` makes."""
    return project_root() / ".venv-superset"


def wanted(settings: Settings) -> bool:
    """Whether the stack runs Superset: as the settings say, else where its environment is set up."""
    return (environment_folder() / ".done").is_file() if settings.superset is None else settings.superset


def version() -> str:
    """Version of the installed Superset."""
    for folder in environment_folder().glob("lib/python3*/site-packages"):
        for found in distributions(name="apache-superset", path=[str(folder)]):
            return found.version
    raise FixSettings(
        f"Superset is not installed in {environment_folder()}. Run `make setup-superset`, or leave it out of the stack "
        "with HEADWATER_SUPERSET=0."
    )


def variables(layout: Layout, ports: Ports, secrets: Credentials) -> dict[str, str]:
    """Variables of Superset's programs."""
    return {
        "SUPERSET_CONFIG_PATH": str(asset(CONFIG)),
        "SUPERSET_HOME": str(layout.home / "superset"),
        "FLASK_APP": "superset.app:create_app()",
        "HEADWATER_SUPERSET_SECRET_KEY": secrets.superset_secret_key,
        "HEADWATER_SUPERSET_DATABASE_URL": f"postgresql+psycopg2://{DATABASE}@/{DATABASE}?host={layout.runtime}",
        "HEADWATER_SUPERSET_CACHE": str(layout.home / "superset" / "cache"),
        "HEADWATER_CLICKHOUSE_READER_URL": secrets.clickhouse_url("reader", ports),
        "MALLOC_ARENA_MAX": "2",
        "SCARF_ANALYTICS": "false",
    }


def preparing(secrets: Credentials) -> dict[str, str]:
    """What only the preparation gets to know: the passwords of the two users."""
    return {
        "HEADWATER_SUPERSET_PASSWORD": secrets.superset_password,
        "HEADWATER_SUPERSET_ANALYST_PASSWORD": secrets.superset_analyst_password,
    }


def stamp(secrets: Credentials) -> str:
    """Changes when the preparation has to run again: another version, other passwords, other roles."""
    parts = (version(), secrets.superset_password, secrets.superset_analyst_password, asset(PREPARE).read_text("utf-8"))
    return f"{version()} {hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}"


def dashboards_stamp() -> str:
    """Changes when the dashboards' files do, so that they are put in again."""
    files = sorted(asset("superset/assets").glob("*/**/*.yaml"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def prepare_command() -> tuple[str, ...]:
    """The command that brings Superset's database up to date."""
    return (_python(), str(asset(PREPARE)))


def serve_command(ports: Ports) -> tuple[str, ...]:
    """The command of the web server."""
    return (
        *(_python(), "-m", "gunicorn", "--bind", f"127.0.0.1:{ports.superset}"),
        *("--workers", "1", "--worker-class", "gthread", "--threads", str(_THREADS)),
        *("--timeout", "120", "--keep-alive", "15", "--limit-request-line", "0", "--limit-request-field_size", "0"),
        *("--worker-tmp-dir", "/dev/shm", "--no-control-socket"),  # noqa: S108 - gunicorn's heartbeat file
        "superset.app:create_app()",
    )


def create_database(layout: Layout) -> None:
    """Make the database and the role that owns it."""
    postgres.create_database(layout.runtime, DATABASE, owner=DATABASE)


def answers(ports: Ports) -> bool:
    """Whether the web server works."""
    try:
        return httpx.get(f"http://127.0.0.1:{ports.superset}/health", timeout=3).text == "OK"
    except httpx.HTTPError:
        return False


def _python() -> str:
    return str(environment_folder() / "bin" / "python")
