"""Airflow's programs, as environment and commands. Airflow itself is never imported here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import httpx

from headwater.assets import asset, project_root
from headwater.local import postgres
from headwater.local.credentials import BUCKET, Credentials, airflow_file
from headwater.local.layout import Layout, Ports

DATABASE = "airflow"
CONFIG = "airflow/config/airflow.cfg"
# What `/monitor/health` calls the programs that report by heartbeat.
HEARTBEATS = {"airflow-scheduler": "scheduler", "airflow-processor": "dag_processor", "airflow-triggerer": "triggerer"}


def environment(layout: Layout, ports: Ports, secrets: Credentials) -> dict[str, str]:
    """Variables of every Airflow program of the stack."""
    base = f"http://127.0.0.1:{ports.airflow}"
    return {
        "AIRFLOW_HOME": str(layout.home / "airflow"),
        "AIRFLOW_CONFIG": str(asset(CONFIG)),
        "AIRFLOW__CORE__DAGS_FOLDER": str(layout.dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(_plugins()),
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "headwater.local.host.name",
        "AIRFLOW__CORE__FERNET_KEY": secrets.airflow_fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow_file(layout)),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url(layout.runtime, DATABASE),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": postgres.url(layout.runtime, DATABASE, "asyncpg"),
        "AIRFLOW__API__BASE_URL": base,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(ports.airflow),
        "AIRFLOW__API__SECRET_KEY": secrets.airflow_api_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.airflow_jwt_key,
        "AIRFLOW__API_AUTH__JWT_ISSUER": base,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(layout.logs / "tasks"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(layout.logs / "dag-files"),
        # Keep the variables by which leftovers of a killed supervisor are found readable in /proc.
        "SPT_NOENV": "1",
        "MALLOC_ARENA_MAX": "2",
        # No usage reports leave the machine.
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
        **_connections(ports, secrets),
    }


def command(*words: str) -> tuple[str, ...]:
    """The command of one of Airflow's programs, in the environment that runs this one."""
    return (sys.executable, "-m", "airflow", *words)


def heartbeats(ports: Ports, timeout_s: float = 3.0) -> dict[str, bool]:
    """Health of each program by part name. Empty when the API server does not answer."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{ports.airflow}/api/v2/monitor/health", timeout=timeout_s)
        parts = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return {}
    healthy = {part: parts.get(key, {}).get("status") == "healthy" for part, key in HEARTBEATS.items()}
    return {"airflow-api": parts.get("metadatabase", {}).get("status") == "healthy", **healthy}


def _plugins() -> Path:
    """The checkout's plugins folder; an installed package needs none."""
    folder = project_root() / "plugins"
    return folder if folder.is_dir() else project_root()


def _connections(ports: Ports, secrets: Credentials) -> dict[str, str]:
    connections = {
        "kafka_default": {
            "conn_type": "kafka",
            "extra": {"bootstrap.servers": f"127.0.0.1:{ports.kafka}", "group.id": "airflow"},
        },
        "clickhouse_default": {
            "conn_type": "clickhouse",
            "host": "127.0.0.1",
            "port": ports.clickhouse,
            "login": "writer",
            "password": secrets.clickhouse_writer,
            "schema": "analytics",
        },
        "s3_default": {
            "conn_type": "aws",
            "login": secrets.s3_access_key,
            "password": secrets.s3_secret_key,
            "extra": {
                "endpoint_url": f"http://127.0.0.1:{ports.s3}",
                "region_name": "us-east-1",
                "bucket": BUCKET,
            },
        },
    }
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}
