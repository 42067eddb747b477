#!/usr/bin/env python3
"""Make the secrets of the compose stack: random values once, and the files that docker-compose.yml mounts.

Needs nothing but Python 3.9. Running it again keeps every value and writes the files from them anew. It prints names,
never values. The folder is closed to other users; the files that are mounted are readable inside it, because the
programs in the containers run as users of their own.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VALUES = "values.json"
STACK_ENV = "stack.env"
CLOSED_FOLDER = 0o700
PRIVATE = 0o600
MOUNTED = 0o444
NAMES = (
    "postgres_password",
    "airflow_password",
    "airflow_fernet_key",
    "airflow_api_key",
    "airflow_jwt_key",
    "clickhouse_owner",
    "clickhouse_writer",
    "clickhouse_reader",
    "s3_access_key",
    "s3_secret_key",
    "erasure_key",
    "collector_write_key",
    "superset_password",
    "superset_analyst_password",
    "superset_secret_key",
    "superset_database",
    "grafana_password",
)
BUCKET = "events"
# Ports that docker-compose.yml publishes on 127.0.0.1, with their defaults.
PORTS: Mapping[str, int] = {
    "HEADWATER_AIRFLOW_PORT": 8080,
    "HEADWATER_COLLECTOR_PORT": 8090,
    "HEADWATER_CLICKHOUSE_PORT": 8123,
    "HEADWATER_KAFKA_PORT": 9092,
    "HEADWATER_S3_PORT": 9000,
    "HEADWATER_SUPERSET_PORT": 8088,
}


class CannotGoOn(Exception):
    """The folder holds something that must not be overwritten."""


def make_secrets(folder: Path, ports: Mapping[str, int]) -> list[str]:
    """Write every file of `folder`; returns the names of the values that were made now."""
    folder.mkdir(mode=CLOSED_FOLDER, parents=True, exist_ok=True)
    folder.chmod(CLOSED_FOLDER)
    kept = _read(folder / VALUES)
    values = {name: kept.get(name) or _random(name) for name in NAMES}
    fresh = [name for name in NAMES if not kept.get(name)]
    if fresh:
        _write(folder / VALUES, json.dumps(values, indent=1), PRIVATE)
    for name, text in mounted_files(values).items():
        _write(folder / name, text, MOUNTED)
    _write(folder / STACK_ENV, stack_env(values, ports), PRIVATE)
    return fresh


def mounted_files(values: Mapping[str, str]) -> dict[str, str]:
    """The files that containers see, by name; those of one value without a newline: some readers take it as it is."""
    database = f"postgresql+psycopg2://airflow:{values['postgres_password']}@postgres:5432/airflow"
    same = (
        *("postgres_password", "airflow_password", "airflow_fernet_key", "airflow_api_key", "airflow_jwt_key"),
        *("superset_password", "superset_analyst_password", "superset_secret_key", "grafana_password"),
    )
    return {
        **{name: values[name] for name in same},
        "erasure.key": values["erasure_key"],
        "airflow_database_url": database,
        "airflow_owner.env": f"HEADWATER_CLICKHOUSE_URL=http://owner:{values['clickhouse_owner']}@clickhouse:8123/\n",
        "collector.env": collector_env(values),
        "streaming.env": streaming_env(values),
        "airflow_connections.json": json.dumps(connections(values), indent=1),
        "clickhouse_passwords.xml": clickhouse_passwords(values),
        "clickhouse_reader_password": values["clickhouse_reader"],
        "postgres_owner_url": f"postgresql+psycopg2://airflow:{values['postgres_password']}@postgres:5432/postgres",
        "superset_clickhouse_url": f"http://reader:{values['clickhouse_reader']}@clickhouse:8123/",
        "superset_database_url": f"postgresql+psycopg2://superset:{values['superset_database']}@postgres:5432/superset",
        "s3_identities.json": json.dumps(s3_identities(values), indent=1),
    }


def connections(values: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """Airflow's connections, with the services' names inside the network."""
    return {
        "kafka_default": {
            "conn_type": "kafka",
            "extra": {"bootstrap.servers": "kafka:19092", "group.id": "airflow"},
        },
        "clickhouse_default": {
            "conn_type": "clickhouse",
            "host": "clickhouse",
            "port": 8123,
            "login": "writer",
            "password": values["clickhouse_writer"],
            "schema": "analytics",
        },
        "s3_default": {
            "conn_type": "aws",
            "login": values["s3_access_key"],
            "password": values["s3_secret_key"],
            "extra": {"endpoint_url": "http://s3:8333", "region_name": "us-east-1", "bucket": BUCKET},
        },
    }


def collector_env(values: Mapping[str, str]) -> str:
    """What the collector reads: the key of the demo shop, and where refused events are kept."""
    return f"HEADWATER_COLLECTOR_WRITE_KEY={values['collector_write_key']}\n{streaming_env(values)}"


def streaming_env(values: Mapping[str, str]) -> str:
    """What the services that run on read: the login of the writer."""
    return f"HEADWATER_CLICKHOUSE_WRITER_URL=http://writer:{values['clickhouse_writer']}@clickhouse:8123/\n"


def clickhouse_passwords(values: Mapping[str, str]) -> str:
    """Digests for the users of clickhouse/config/compose-users.xml; ClickHouse merges the two files."""
    users = "".join(
        f"<{user}><password_sha256_hex>{hashlib.sha256(values[f'clickhouse_{user}'].encode()).hexdigest()}"
        f"</password_sha256_hex></{user}>"
        for user in ("owner", "writer", "reader")
    )
    return f"<clickhouse><users>{users}</users></clickhouse>"


def s3_identities(values: Mapping[str, str]) -> dict[str, object]:
    """The S3 server's only user."""
    credentials = [{"accessKey": values["s3_access_key"], "secretKey": values["s3_secret_key"]}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return {"identities": [{"name": "headwater", "credentials": credentials, "actions": actions}]}


def stack_env(values: Mapping[str, str], ports: Mapping[str, int]) -> str:
    """What the `headwater` command on this machine needs to use the stack (with `HEADWATER_HOME` on this folder)."""
    clickhouse = {
        user: f"http://{user}:{values[f'clickhouse_{user}']}@127.0.0.1:{ports['HEADWATER_CLICKHOUSE_PORT']}/"
        for user in ("owner", "writer", "reader")
    }
    lines = {
        "HEADWATER_CLICKHOUSE_URL": clickhouse["owner"],
        "HEADWATER_CLICKHOUSE_WRITER_URL": clickhouse["writer"],
        "HEADWATER_CLICKHOUSE_READER_URL": clickhouse["reader"],
        "HEADWATER_KAFKA_BOOTSTRAP": f"127.0.0.1:{ports['HEADWATER_KAFKA_PORT']}",
        "HEADWATER_AIRFLOW_URL": f"http://127.0.0.1:{ports['HEADWATER_AIRFLOW_PORT']}",
        "HEADWATER_AIRFLOW_USER": "admin",
        "HEADWATER_AIRFLOW_PASSWORD": values["airflow_password"],
        "HEADWATER_SUPERSET_URL": f"http://127.0.0.1:{ports['HEADWATER_SUPERSET_PORT']}",
        "HEADWATER_SUPERSET_USER": "admin",
        "HEADWATER_SUPERSET_PASSWORD": values["superset_password"],
        "HEADWATER_SUPERSET_ANALYST_USER": "analyst",
        "HEADWATER_SUPERSET_ANALYST_PASSWORD": values["superset_analyst_password"],
        "HEADWATER_COLLECTOR_URL": f"http://127.0.0.1:{ports['HEADWATER_COLLECTOR_PORT']}",
        "HEADWATER_COLLECTOR_WRITE_KEY": values["collector_write_key"],
        "HEADWATER_S3_ENDPOINT": f"http://127.0.0.1:{ports['HEADWATER_S3_PORT']}",
        "HEADWATER_S3_ACCESS_KEY": values["s3_access_key"],
        "HEADWATER_S3_SECRET_KEY": values["s3_secret_key"],
        "HEADWATER_S3_BUCKET": BUCKET,
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def published_ports(env_file: Path, environment: Mapping[str, str]) -> dict[str, int]:
    """The ports as compose sees them: the environment, else the file `.env`, else the defaults."""
    text = env_file.read_text(encoding="utf-8") if env_file.is_file() else ""
    set_in_file = dict(re.findall(r"^\s*(\w+)\s*=\s*[\"']?(\d+)[\"']?\s*(?:#.*)?$", text, re.MULTILINE))
    return {name: int(environment.get(name) or set_in_file.get(name) or usual) for name, usual in PORTS.items()}


def _random(name: str) -> str:
    """Hexadecimal, so that it needs no quoting in URLs; the Fernet key has its own form."""
    if name == "airflow_fernet_key":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(10 if name == "s3_access_key" else 32)


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(value) for name, value in found.items()}
    except (ValueError, AttributeError):
        raise CannotGoOn(
            f"{path} is not readable as secrets. Restore it; or remove it and the volumes that it opens "
            "(docker compose down --volumes), and run this again."
        ) from None


def _write(path: Path, text: str, mode: int) -> None:
    """Replace the file in one step, so that no reader sees half of it; leave it alone when nothing changes."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        path.chmod(mode)
        return
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE), "w", encoding="utf-8") as file:
        file.write(text)
    fresh.chmod(mode)
    fresh.replace(path)


def main(arguments: list[str] | None = None) -> int:
    """Make the secrets, and say what was done."""
    parser = argparse.ArgumentParser(description="Make the secrets of the compose stack.")
    parser.add_argument("--out", type=Path, default=ROOT / "secrets", help="folder of the secrets")
    parser.add_argument("--env-file", type=Path, default=ROOT / ".env", help="compose's variables, for the ports")
    found = parser.parse_args(arguments)
    try:
        fresh = make_secrets(found.out, published_ports(found.env_file, os.environ))
    except (CannotGoOn, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    made = f"{len(fresh)} secrets made" if fresh else "all secrets were there"
    sys.stdout.write(f"{found.out}: {made}; nothing was printed, and an existing secret never changes.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
