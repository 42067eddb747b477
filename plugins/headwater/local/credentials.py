"""Random logins of one stack: made at its first start, kept in files that only this user can read."""

from __future__ import annotations

import base64
import json
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from headwater.errors import FixSettings
from headwater.local.layout import Layout, Ports, private_file
from headwater.settings import Settings

AIRFLOW_USER = "admin"
SUPERSET_ADMIN = "admin"
SUPERSET_ANALYST = "analyst"
BUCKET = "events"


# Settings that a home keeps from one start to the next, so that another shell finds the same stack.
KEPT_SETTINGS = (
    "port_offset",
    "airflow_port",
    "clickhouse_port",
    "kafka_port",
    "kafka_controller_port",
    "s3_port",
    "s3_start",
    "consumer_port",
    "windows_port",
    "superset_port",
    "collector_port",
    "collector_origins",
    "collector_geoip_file",
    "collector_addresses",
    "superset",
    "visitors",
    "consumer",
    "windows",
    "dags_dir",
    "samples_dir",
    "cache",
)
_ADDRESSES = (
    "clickhouse_url",
    "clickhouse_writer_url",
    "clickhouse_reader_url",
    "kafka_bootstrap",
    "airflow_url",
    "airflow_user",
    "airflow_password",
    "superset_url",
    "superset_user",
    "superset_password",
    "superset_analyst_user",
    "superset_analyst_password",
    "collector_url",
    "collector_write_key",
    "s3_endpoint",
    "s3_access_key",
    "s3_secret_key",
    "s3_bucket",
)
STACK_VARIABLES = frozenset(f"HEADWATER_{name.upper()}" for name in (*KEPT_SETTINGS, *_ADDRESSES))


def _fresh(name: str) -> str:
    """A new secret of the form that its use asks for: a Fernet key, a key for HMAC-SHA-512, or a password."""
    if "fernet" in name:
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(32 if "jwt" in name else 16)


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Every secret of a stack; hexadecimal, so that they need no quoting in URLs."""

    clickhouse_owner: str
    clickhouse_writer: str
    clickhouse_reader: str
    airflow_password: str
    airflow_fernet_key: str
    airflow_api_key: str
    airflow_jwt_key: str
    s3_access_key: str
    s3_secret_key: str
    superset_password: str
    superset_analyst_password: str
    superset_secret_key: str
    collector_write_key: str

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """Those of the home; missing ones are made. The files for ClickHouse and Airflow are written beside them."""
        path = layout.secrets / "credentials.json"
        kept = _read(path)
        made = {field.name: _fresh(field.name) for field in fields(cls)}
        values = {name: kept.get(name, fresh) for name, fresh in made.items()}
        credentials = cls(**values)
        if kept != values:
            private_file(path, json.dumps(asdict(credentials), indent=1))
        private_file(clickhouse_file(layout), json.dumps(credentials.clickhouse_users()))
        private_file(airflow_file(layout), json.dumps({AIRFLOW_USER: credentials.airflow_password}))
        return credentials

    def clickhouse_users(self) -> dict[str, str]:
        """Users of the ClickHouse front with their passwords."""
        return {
            "owner": self.clickhouse_owner,
            "writer": self.clickhouse_writer,
            "reader": self.clickhouse_reader,
        }

    def clickhouse_url(self, user: str, ports: Ports) -> str:
        """HTTP address of ClickHouse with the login of `user`."""
        return f"http://{user}:{self.clickhouse_users()[user]}@127.0.0.1:{ports.clickhouse}/"

    def addresses(self, ports: Ports, *, superset: bool = False) -> dict[str, str]:
        """The lines of `stack.env`: what other programs need to use the stack."""
        dashboards = {
            "HEADWATER_SUPERSET_URL": f"http://127.0.0.1:{ports.superset}",
            "HEADWATER_SUPERSET_USER": SUPERSET_ADMIN,
            "HEADWATER_SUPERSET_PASSWORD": self.superset_password,
            "HEADWATER_SUPERSET_ANALYST_USER": SUPERSET_ANALYST,
            "HEADWATER_SUPERSET_ANALYST_PASSWORD": self.superset_analyst_password,
        }
        return {
            "HEADWATER_CLICKHOUSE_URL": self.clickhouse_url("owner", ports),
            "HEADWATER_CLICKHOUSE_WRITER_URL": self.clickhouse_url("writer", ports),
            "HEADWATER_CLICKHOUSE_READER_URL": self.clickhouse_url("reader", ports),
            "HEADWATER_KAFKA_BOOTSTRAP": f"127.0.0.1:{ports.kafka}",
            "HEADWATER_AIRFLOW_URL": f"http://127.0.0.1:{ports.airflow}",
            "HEADWATER_AIRFLOW_USER": AIRFLOW_USER,
            "HEADWATER_AIRFLOW_PASSWORD": self.airflow_password,
            **(dashboards if superset else {}),
            "HEADWATER_COLLECTOR_URL": f"http://127.0.0.1:{ports.collector}",
            "HEADWATER_COLLECTOR_WRITE_KEY": self.collector_write_key,
            "HEADWATER_S3_ENDPOINT": f"http://127.0.0.1:{ports.s3}",
            "HEADWATER_S3_ACCESS_KEY": self.s3_access_key,
            "HEADWATER_S3_SECRET_KEY": self.s3_secret_key,
            "HEADWATER_S3_BUCKET": BUCKET,
        }


def write_stack_env(layout: Layout, addresses: Mapping[str, str], settings: Settings) -> None:
    """Write the file that `Settings` reads: addresses, and the settings that the home keeps."""
    lines = [f"{name}={value}" for name, value in addresses.items()]
    for name in KEPT_SETTINGS:
        value = getattr(settings, name)
        # Superset is there by default, so that "without" has to be remembered too.
        if value not in (None, 0) or (name == "superset" and value is False):
            text = value.resolve() if isinstance(value, Path) else value
            lines.append(f"HEADWATER_{name.upper()}={shlex.quote(str(text))}")
    private_file(layout.stack_env, "\n".join(lines) + "\n")


def clickhouse_file(layout: Layout) -> Path:
    """Passwords of the ClickHouse front."""
    return layout.secrets / "clickhouse.json"


def airflow_file(layout: Layout) -> Path:
    """Passwords of Airflow's simple auth manager."""
    return layout.secrets / "airflow-passwords.json"


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        return {str(name): str(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError) as error:
        raise FixSettings(
            f"{path} is not readable as credentials. Restore it, or remove it and the data that it opens "
            "(`headwater clean`), and start again.",
            path=path,
        ) from error
